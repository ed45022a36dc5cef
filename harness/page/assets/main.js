// ---- What is looked at, and drawing it anew when that changes. ----

const state = { cursor: 0, over: null, kept: null, dirty: 0 };
const narrowest = Math.min(end, 2000); // nanoseconds

function redraw(what = 3) { // 1: the picture, 2: what lies over it
  if (!state.dirty) requestAnimationFrame(draw);
  state.dirty |= what;
}

function draw() {
  const what = state.dirty;
  state.dirty = 0;
  if (what & 1) {
    layout.scale = null;
    paint(sized($("scene"), layout.width, layout.height));
    placeWindow();
    markStory();
  }
  const c = sized($("over"), layout.width, layout.height);
  c.clearRect(0, 0, layout.width, layout.height);
  paintOver(c);
  showDetail(state.kept || state.over, state.cursor, !!state.kept);
}

// paintOver draws what moves with the pointer.
function paintOver(c) {
  const thing = state.kept || state.over;
  c.save();
  c.beginPath();
  c.rect(gutter, 0, layout.width - gutter, layout.height);
  c.clip();
  if (state.select) {
    c.fillStyle = colour.accent;
    c.globalAlpha = 0.15;
    c.fillRect(Math.min(state.select[0], state.select[1]), 0, Math.abs(state.select[1] - state.select[0]), layout.bottom);
    c.globalAlpha = 1;
  }
  const x = xOf(state.cursor);
  c.strokeStyle = colour.accent;
  c.lineWidth = 1;
  c.beginPath();
  c.moveTo(x, layout.opsTop - 4);
  c.lineTo(x, layout.bottom);
  c.stroke();
  if (thing && thing.type === "op") paintKeptOp(c, thing.i);
  if (thing && thing.type === "message") paintMessage(c, thing.i, colour.accent);
  if (layout.crowded) write(c, `${layout.crowded.toLocaleString("en")} messages in view, drawn together: come closer to see each`,
    layout.width - margin, layout.bottom + 10, { font: fonts.small, fill: colour.muted, halo: true, align: "right" });
  c.restore();
  paintGutter(c, state.cursor);
}

// paintKeptOp frames an operation and draws the way of what it wrote: the
// messages that carry its entry, and when each node had it on its disk.
function paintKeptOp(c, i) {
  const [x, y, w, h] = barOf(i), left = Math.max(x, gutter - 4);
  frame(c, left, y, Math.min(x + w, layout.width + 4) - left, h, colour.accent);
  const lane = ops.node[i];
  if (lane >= 0) {
    c.strokeStyle = c.fillStyle = colour.accent;
    c.lineWidth = 1.3;
    c.setLineDash([2, 3]);
    c.beginPath();
    c.moveTo(x, y + h + 2);
    c.lineTo(x + w * 0.3, laneTop(lane));
    c.moveTo(x + w * 0.7, laneTop(lane));
    c.lineTo(x + w, y + h + 2);
    c.stroke();
    c.setLineDash([]);
    arrowHead(c, x, y + h, x + w * 0.3, laneTop(lane), 7);
    arrowHead(c, x + w * 0.7, laneTop(lane), x + w, y + h + 2, 7);
  }
  const index = entryOf(i);
  if (!index) return;
  sent.spans.each(Math.max(view.from, ops.call[i]), view.until, m => {
    if (brings(m, index) && filter.sent[m] && sent.at[m] >= ops.call[i]) paintMessage(c, m, lost(m) ? colour.bad : colour.accent);
  });
  const labels = new Labels();
  pathOf(index, ops.call[i]).forEach((p, n) => {
    if (p.synced !== undefined) pin(c, labels, p.synced, n, `entry ${index} synced`, colour.accent, 34);
    if (p.gone !== undefined) pin(c, labels, p.gone, n, `✂ entry ${index} gone`, colour.bad, 34);
  });
}

function pin(c, labels, t, n, text, ink, dy) {
  const x = xOf(t), top = laneTop(n);
  if (x < gutter || x > layout.width) return;
  c.strokeStyle = ink;
  c.lineWidth = 2;
  c.beginPath();
  c.moveTo(x, top);
  c.lineTo(x, top + layout.lane);
  c.stroke();
  c.font = fonts.small;
  const w = c.measureText(text).width, left = x + w + 8 < layout.width ? x + 4 : x - w - 4;
  if (labels.free(left, top + dy - 11, w, 15)) write(c, text, left, top + dy, { font: fonts.small, fill: ink, halo: true });
}

function look(from, until) {
  let width = Math.min(Math.max(until - from, narrowest), end * 1.02);
  const middle = (from + until) / 2;
  from = Math.max(-end * 0.01, Math.min(middle - width / 2, end * 1.01 - width));
  view.from = from;
  view.until = from + width;
  state.cursor = Math.min(Math.max(state.cursor, view.from), view.until);
  remember();
  redraw();
}

const zoom = (factor, t = state.cursor) => look(t - (t - view.from) * factor, t + (view.until - t) * factor);
const pan = part => { const d = (view.until - view.from) * part; look(view.from + d, view.until + d); };
const whole = () => look(-end * 0.01, end * 1.01);

function failure() {
  if (!raw.focus) return;
  state.kept = null;
  state.cursor = blamed.length ? ops.end[blamed[blamed.length - 1]] : (raw.focus[0] + raw.focus[1]) / 2;
  look(raw.focus[0], raw.focus[1]);
}

// goTo moves to a thing, near enough to read it, and keeps it in the panel.
function goTo(thing) {
  const [from, until] = timesOf(thing), now = view.until - view.from;
  const width = Math.min(now, Math.max((until - from) * 8, usual * 16, narrowest * 4));
  state.kept = thing.type === "time" ? null : thing;
  state.cursor = thing.type === "op" ? ops.end[thing.i] : from;
  const middle = (from + until) / 2;
  look(middle - width / 2, middle + width / 2);
}

function timesOf(thing) {
  switch (thing.type) {
    case "op": return [ops.call[thing.i], ops.end[thing.i]];
    case "message": return [sent.at[thing.i], sent.end[thing.i]];
    case "band": return [thing.band.at, thing.band.until];
    case "mark": return [thing.mark.at, thing.mark.at];
  }
  return [thing.from, thing.until || thing.from];
}

// ---- What is below the pointer. ----

function thingAt(x, y) {
  if (x < gutter) return null;
  const t = timeAt(x), slack = 4 / plotWidth() * (view.until - view.from);
  const r = Math.floor((y - layout.opsTop) / layout.row);
  if (r >= 0 && r < rows.length) return opAt(r, t, slack);
  if (y >= layout.flagTop && y < layout.flagTop + layout.flags) return markAt(t, slack * 3);
  for (let n = 0; n < nodes.length; n++) {
    const top = laneTop(n);
    const link = links[n].find(b => b.at <= t && t <= b.until && y >= linkTop(n, b) && y < linkTop(n, b) + 14);
    if (link) return { type: "band", band: asBand(n, link) };
    if (y < top || y > top + layout.lane) continue;
    return messageAt(x, y, 3) || bandAt(n, t, y) || { type: "lane", n };
  }
  return messageAt(x, y, 7);
}

function asBand(n, b) {
  const others = b.others.map(o => nodes[o]).join(", ");
  const [node, to] = b.way === "from" ? [others, nodes[n]] : [nodes[n], others];
  return { node, to: b.way === "both" ? to + ", and back" : to, at: b.at, until: b.until, text: b.text };
}

function opAt(r, t, slack) {
  let best = -1, least = Infinity;
  ops.spans.each(t - slack, t + slack, i => {
    if (ops.row[i] !== r || !filter.ops[i]) return;
    const far = Math.max(ops.call[i] - t, t - ops.end[i], 0) - (blame.has(i) ? slack : 0);
    if (far < least) { least = far; best = i; }
  });
  return best < 0 ? null : { type: "op", i: best };
}

function markAt(t, slack) {
  const near = marks.filter(m => m.kind !== "start" && m.kind !== "exit" && Math.abs(m.at - t) <= slack);
  near.sort((a, b) => Math.abs(a.at - t) - Math.abs(b.at - t));
  return near.length ? { type: "mark", mark: near[0] } : null;
}

function bandAt(n, t) {
  const band = nodeBands[n].find(b => b.at <= t && t <= b.until);
  return band ? { type: "band", band } : null;
}

function messageAt(x, y, reach) {
  let best = -1, least = reach;
  const slack = (view.until - view.from) * 0.01;
  sent.spans.each(timeAt(x) - slack, timeAt(x) + slack, i => {
    if (!filter.sent[i]) return;
    const [x0, y0, x1, y1] = way(i);
    const d = distance(x, y, x0, y0, x1, y1);
    if (d < least) { least = d; best = i; }
  });
  return best < 0 ? null : { type: "message", i: best };
}

function distance(x, y, x0, y0, x1, y1) {
  const l = (x1 - x0) ** 2 + (y1 - y0) ** 2;
  const u = l ? Math.max(0, Math.min(1, ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / l)) : 0;
  return Math.hypot(x - x0 - u * (x1 - x0), y - y0 - u * (y1 - y0));
}

// ---- Pointer, wheel and keys. ----

const pointers = new Map();
let dragged = 0;

function spot(e) {
  const box = $("over").getBoundingClientRect();
  return [e.clientX - box.left, e.clientY - box.top];
}

function onDown(e) {
  if (e.button) return;
  $("over").setPointerCapture(e.pointerId);
  pointers.set(e.pointerId, spot(e));
  dragged = 0;
  if (e.shiftKey) state.select = [spot(e)[0], spot(e)[0]];
}

function onMove(e) {
  const [x, y] = spot(e), before = pointers.get(e.pointerId);
  if (before && state.select) {
    state.select[1] = x;
    dragged += Math.abs(x - before[0]);
  } else if (before && pointers.size === 2) pinch(e.pointerId, x);
  else if (before) {
    dragged += Math.abs(x - before[0]) + Math.abs(y - before[1]);
    const d = (x - before[0]) / plotWidth() * (view.until - view.from);
    $("scroll").scrollTop -= y - before[1];
    if (dragged > 3) look(view.from - d, view.until - d);
    $("over").classList.toggle("drag", dragged > 3);
  }
  if (before) pointers.set(e.pointerId, spot(e));
  if (x >= gutter) state.cursor = timeAt(x);
  state.over = before && dragged > 3 ? null : thingAt(x, y);
  $("over").classList.toggle("hand", !!state.over && state.over.type !== "lane");
  redraw(2);
}

function pinch(id, x) {
  const [other] = [...pointers].filter(([p]) => p !== id).map(([, at]) => at);
  const before = Math.abs(pointers.get(id)[0] - other[0]), now = Math.abs(x - other[0]);
  if (before > 10 && now > 10) zoom(before / now, timeAt(other[0]));
  dragged += 9;
}

function onUp(e) {
  const [x, y] = spot(e);
  pointers.delete(e.pointerId);
  $("over").classList.remove("drag");
  if (state.select) {
    const [a, b] = state.select;
    state.select = null;
    if (Math.abs(a - b) > 4) return look(timeAt(Math.min(a, b)), timeAt(Math.max(a, b)));
  }
  if (dragged <= 3 && e.type === "pointerup") {
    const thing = thingAt(x, y);
    state.kept = thing && thing.type !== "lane" ? thing : null;
    remember();
  }
  redraw(2);
}

function onWheel(e) {
  e.preventDefault();
  const [x] = spot(e), lines = e.deltaMode === 1 ? 16 : 1;
  if (Math.abs(e.deltaX) > Math.abs(e.deltaY) || e.shiftKey) pan((e.deltaX || e.deltaY) * lines / plotWidth());
  else zoom(Math.exp(Math.max(-1, Math.min(1, e.deltaY * lines / 320))), timeAt(Math.max(x, gutter)));
}

let storyLines = [];
const keys = {
  ArrowLeft: () => pan(-0.15), ArrowRight: () => pan(0.15),
  ArrowUp: () => zoom(1 / 1.4, middle()), ArrowDown: () => zoom(1.4, middle()),
  "+": () => zoom(1 / 1.6, middle()), "=": () => zoom(1 / 1.6, middle()), "-": () => zoom(1.6, middle()), "−": () => zoom(1.6, middle()),
  0: whole, f: failure,
  Home: () => look(0, view.until - view.from), End: () => look(end - (view.until - view.from), end),
  "/": () => $("search").focus(), t: () => toggleTheme(), "?": () => $("keys-help").showModal(),
  "[": () => stepStory(-1), "]": () => stepStory(1),
  Escape: () => { state.kept = null; remember(); redraw(2); },
};
const middle = () => (view.from + view.until) / 2;

function onKey(e) {
  if (e.ctrlKey || e.metaKey || e.altKey || $("keys-help").open) return;
  if (e.target instanceof HTMLInputElement) return;
  const do_ = keys[e.key] || (/^[1-9]$/.test(e.key) && blamed[e.key - 1] !== undefined && (() => goTo({ type: "op", i: blamed[e.key - 1] })));
  if (!do_) return;
  e.preventDefault();
  do_();
}

// ---- The story, which moves along. ----

function stepStory(by) {
  const at = storyLines.findIndex(l => l.classList.contains("here"));
  const next = storyLines[at < 0 ? (by > 0 ? storyLines.findIndex(l => l.dataset.at >= state.cursor) : storyLines.length - 1) : at + by];
  if (next) toStory(next);
}

function toStory(li) {
  for (const l of storyLines) l.classList.toggle("here", l === li);
  li.scrollIntoView({ block: "nearest" });
  if (li.dataset.number) return goTo({ type: "op", i: blamed[li.dataset.number - 1] });
  const from = +li.dataset.at, until = +(li.dataset.until || from), width = view.until - view.from;
  state.kept = null;
  if (li.classList.contains("phase")) {
    const p = phases.find(p => p.from === from);
    state.cursor = from;
    return p ? look(p.from - (p.until - p.from) * 0.04, p.until + (p.until - p.from) * 0.04) : null;
  }
  state.cursor = from;
  if (until > from && (until - from) > width * 0.9) return look(from - (until - from) * 0.15, until + (until - from) * 0.15);
  look(from - width * 0.35, from + width * 0.65);
}

// markStory marks the lines that one sees in the picture, and keeps them in sight.
function markStory() {
  let first = null;
  for (const l of storyLines) {
    const from = +l.dataset.at, until = +(l.dataset.until || from);
    l.classList.toggle("seen-now", until >= view.from && from <= view.until && !l.classList.contains("phase"));
    if (!first && from >= view.from) first = l;
  }
  const here = storyLines.find(l => l.classList.contains("here")) || first;
  if (here) here.parentElement.parentElement.scrollTop = here.offsetTop - here.parentElement.parentElement.offsetTop - 60;
}

// ---- Tools. ----

function toggle(text, on, change, title) {
  const b = element("button", "toggle", text);
  b.type = "button";
  b.title = title;
  b.setAttribute("aria-pressed", on);
  b.onclick = () => {
    const now = b.getAttribute("aria-pressed") !== "true";
    b.setAttribute("aria-pressed", now);
    change(now);
    refilter();
  };
  return b;
}

function makeToggles() {
  const flip = (set, what) => on => { if (on) set.delete(what); else set.add(what); };
  const kinds = ["writes", "reads"];
  if (sent.n) {
    kinds.push(...messageKinds);
    if (Array.from({ length: Math.min(sent.n, 5000) }, (_, i) => kindOfMessage(i)).includes("other messages")) kinds.push("other messages");
  }
  if (hasPlaces) kinds.push("positions");
  if (bands.length) kinds.push("faults");
  $("kinds").append(...kinds.map(k => toggle(k, true, flip(filter.hidden, k), `Show or hide: ${k}`)));
  if (nodes.length > 1) $("nodes").append(...nodes.map((name, n) => toggle(name, true, flip(filter.hiddenNodes, n), `Show or hide what is said to and by ${name}`)));
  const names = [...new Set(ops.key || [])].map(k => texts[k]).sort();
  $("keys").append(...names.slice(0, 2000).map(k => { const o = element("option"); o.value = k; return o; }));
}

function refilter() {
  applyFilter();
  applySearch();
  $("hits").textContent = filter.search ? (filter.hits.length === 1 ? "1 hit" : `${filter.hits.length.toLocaleString("en")} hits`) : "";
  small();
  remember();
  redraw();
}

function onSearchKey(e) {
  if (e.key === "Escape") {
    $("search").value = filter.search = "";
    refilter();
    $("over").focus();
  }
  if (e.key !== "Enter" || !filter.hits.length) return;
  const back = e.shiftKey, hits = filter.hits, now = state.hit;
  const k = now === undefined || !hits[now] ? hits.findIndex(h => h.at >= view.from) : now + (back ? -1 : 1);
  state.hit = (k + hits.length) % hits.length;
  $("hits").textContent = `${state.hit + 1} of ${hits.length.toLocaleString("en")}`;
  goTo(hits[state.hit]);
}

function toggleTheme(to = dark ? "light" : "dark") {
  document.documentElement.dataset.theme = to;
  recolour();
  remember();
}

function recolour() {
  readColours();
  $("theme").firstElementChild.textContent = dark ? "light" : "dark";
  paintLegend();
  small();
  redraw();
}

// ---- The whole run, small, to move about in. ----

function small() {
  const box = $("overview").getBoundingClientRect();
  if (box.width) paintSmall(sized($("small"), box.width - 2, box.height - 2), box.width - 2, box.height - 2);
}

function placeWindow() {
  const part = t => Math.min(1, Math.max(0, t / end)) * 100;
  $("window").style.left = part(view.from) + "%";
  $("window").style.width = part(view.until) - part(view.from) + "%";
}

function onOverview(e) {
  if (e.type === "pointerdown") $("overview").setPointerCapture(e.pointerId);
  if (!e.buttons) return;
  const box = $("overview").getBoundingClientRect(), t = (e.clientX - box.left) / box.width * end, half = (view.until - view.from) / 2;
  state.cursor = t;
  look(t - half, t + half);
}

// ---- The address says where one is, so that it can be passed on. ----

let remembering = 0;

function remember() {
  clearTimeout(remembering);
  remembering = setTimeout(() => {
    const p = new URLSearchParams();
    p.set("from", Math.round(view.from));
    p.set("until", Math.round(view.until));
    if (filter.key) p.set("key", filter.key);
    if (filter.search) p.set("search", filter.search);
    if (state.kept && state.kept.type === "op") p.set("op", ops.id[state.kept.i]);
    if (document.documentElement.dataset.theme) p.set("theme", document.documentElement.dataset.theme);
    try { history.replaceState(null, "", "#" + p); } catch { /* too often, or not allowed here */ }
  }, 250);
}

function recall() {
  const p = new URLSearchParams(location.hash.slice(1));
  if (p.get("theme")) document.documentElement.dataset.theme = p.get("theme") === "dark" ? "dark" : "light";
  $("key").value = filter.key = p.get("key") || "";
  $("search").value = filter.search = p.get("search") || "";
  const op = ops.byID.get(Number(p.get("op") || NaN));
  if (op !== undefined) {
    state.kept = { type: "op", i: op };
    state.cursor = ops.end[op];
  }
  return p.has("from") && p.has("until") && +p.get("until") > +p.get("from") ? [+p.get("from"), +p.get("until")] : null;
}

// ---- The beginning. ----

function resize() {
  const box = $("scroll").getBoundingClientRect();
  const high = getComputedStyle(document.body).height && box.height > 60 ? box.height - 2 : 480;
  layout = newLayout(Math.max(320, box.width - 2), Math.max(300, high));
  if (layout.height > high + 1) layout = { ...newLayout(Math.max(320, $("scroll").clientWidth), Math.max(300, high)) };
  $("stage").style.height = layout.height + "px";
  small();
  redraw();
}

function listen() {
  const over = $("over");
  over.addEventListener("pointerdown", onDown);
  over.addEventListener("pointermove", onMove);
  over.addEventListener("pointerup", onUp);
  over.addEventListener("pointercancel", onUp);
  over.addEventListener("pointerleave", () => { state.over = null; redraw(2); });
  over.addEventListener("wheel", onWheel, { passive: false });
  over.addEventListener("dblclick", e => zoom(1 / 4, timeAt(spot(e)[0])));
  $("overview").addEventListener("pointerdown", onOverview);
  $("overview").addEventListener("pointermove", onOverview);
  addEventListener("keydown", onKey);
  new ResizeObserver(resize).observe($("scroll"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  $("theme").onclick = () => toggleTheme();
  $("help").onclick = () => $("keys-help").showModal();
  $("failure").onclick = failure;
  $("failure").hidden = !raw.focus;
  $("whole").onclick = whole;
  $("in").onclick = keys["+"];
  $("out").onclick = keys["-"];
  $("key").oninput = () => { filter.key = $("key").value.trim(); refilter(); };
  $("search").oninput = () => { filter.search = $("search").value.trim(); state.hit = undefined; refilter(); };
  $("search").addEventListener("keydown", onSearchKey);
  storyLines = [...document.querySelectorAll("#story li")];
  for (const li of storyLines) li.firstElementChild.onclick = () => toStory(li);
  for (const b of document.querySelectorAll("button.op")) b.onclick = () => goTo({ type: "op", i: ops.byID.get(+b.dataset.op) });
}

document.documentElement.classList.add("on");
makeToggles();
const remembered = recall();
readColours();
listen();
resize();
refilter();
if (remembered) look(...remembered);
else if (state.kept) goTo(state.kept);
else if (raw.focus) failure();
else { state.cursor = end; whole(); }
recolour();
