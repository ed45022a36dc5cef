// ---- The panel: one thing in words, and the numbers at the cursor. ----

const $ = id => document.getElementById(id);

// element makes an element with a class and content: text or other elements.
function element(tag, name, ...content) {
  const e = document.createElement(tag);
  if (name) e.className = name;
  e.append(...content);
  return e;
}

const paragraph = (name, ...content) => element("p", name, ...content);

function lasted(ns) {
  if (ns < 1e3) return ns + " ns";
  if (ns < 1e6) return +(ns / 1e3).toPrecision(3) + " µs";
  if (ns < 1e9) return +(ns / 1e6).toPrecision(3) + " ms";
  return +(ns / 1e9).toPrecision(3) + " s";
}

function describeOp(i) {
  const out = [], outcome = ops.outcome[i];
  const head = paragraph("", element("b", "", `client ${ops.client[i]}`), ` ${texts[ops.asked[i]]}`);
  if (blame.has(i)) head.prepend(element("b", "number", String(blame.get(i))), " ");
  out.push(head);
  const sign = ["✓ ", "✕ ", "? "][outcome];
  out.push(paragraph(["ok", "fail", "unknown"][outcome], sign + texts[ops.answer[i]]));
  const where = nodes[ops.node[i]] ? `, served by ${nodes[ops.node[i]]}` : "";
  const took = ops.end[i] - ops.call[i], ended = outcome !== UNKNOWN ? `answered after ${lasted(took)}` : took ? `given up after ${lasted(took)}` : "never answered";
  out.push(paragraph("soft", `asked at ${exact(ops.call[i])}, ${ended}${where}; operation #${ops.id[i]}, phase ${texts[ops.phase[i]]}`));
  const path = pathTable(i);
  if (path) out.push(path);
  return out;
}

// entryOf returns the index of the entry that a write became, or 0. The version
// of a write is its index in the log.
const entryOf = i => isWrite(i) && ops.outcome[i] === OK && hasPlaces ? ops.version[i] : 0;

function pathTable(i) {
  const index = entryOf(i);
  if (!index) return null;
  const table = element("table", "", row("th", ["", ...series])), ends = [];
  for (const p of pathOf(index, ops.call[i])) {
    table.append(row("td", [p.node, ...series.map(s => p[s] === undefined ? "never" : after(p[s], ops.call[i]))]));
    if (p.gone !== undefined) ends.push(paragraph("bad", `✂ ${p.node} cut it away, ${lasted(p.gone - ops.call[i])} after the request`));
    if (p.other !== undefined) ends.push(paragraph("soft", `${p.node} has another entry ${index}, ${lasted(p.other - ops.call[i])} after it`));
  }
  return element("div", "", paragraph("soft", `How far entry ${index} came on each node, after the request:`), table, ...ends);
}

const after = (t, from) => t <= from ? "before" : "+" + lasted(t - from);

function row(tag, cells) {
  return element("tr", "", ...cells.map(text => element(tag, "", String(text))));
}

function describeMessage(i) {
  const out = [paragraph("", element("b", "", `${nodes[sent.from[i]]} → ${nodes[sent.to[i]]}`), " " + texts[sent.text[i]])];
  out.push(lost(i) ? paragraph("bad", "✕ lost: it never arrived") : paragraph("", `on its way for ${lasted(sent.end[i] - sent.at[i])}`));
  out.push(paragraph("soft", `sent at ${exact(sent.at[i])}` + (lost(i) ? "" : `, arrived at ${exact(sent.end[i])}`)));
  return out;
}

function describeBand(b) {
  const who = b.to ? `${b.node} → ${b.to}` : b.node;
  return [paragraph("", element("b", "", who), " " + b.text),
    paragraph("soft", `from ${exact(b.at)} to ${exact(b.until)}: ${lasted(b.until - b.at)}`)];
}

function describeMark(m) {
  return [paragraph("", m.node ? element("b", "", m.node) : "", " " + m.text), paragraph("soft", `${m.kind} at ${exact(m.at)}`)];
}

function describePlace(n, t) {
  const k = places[n].at.length ? placeAt(n, t) : -1, out = [];
  if (k >= 0) {
    const p = places[n];
    out.push(paragraph("", element("b", "", nodes[n]), ` is ${p.role[k] || "in no role"}${p.epoch[k] ? " in epoch " + p.epoch[k] : ""}`));
  } else out.push(paragraph("", element("b", "", nodes[n])));
  const measured = [...samplesAt(nodes[n], t)].map(([name, v]) => `${name} ${v >= 1 << 20 && name === "rss" ? (v / (1 << 20)).toFixed(1) + " MiB" : +v.toPrecision(4)}`);
  if (measured.length) out.push(paragraph("soft", "measured: " + measured.join(", ")));
  return out;
}

// describeTime says what is under way at t.
function describeTime(t) {
  const out = [paragraph("", element("b", "", exact(t)), phaseAt(t) ? `, in the phase ${phaseAt(t)}` : "")];
  const faults = bands.filter(b => b.at <= t && t <= b.until && !b.to);
  for (const b of faults.slice(0, 4)) out.push(paragraph("", "⚡ ", element("b", "", b.node), " " + b.text));
  const cut = bands.filter(b => b.at <= t && t <= b.until && b.to);
  if (cut.length) out.push(paragraph("", "✂ " + cut.slice(0, 12).map(b => `${b.node} → ${b.to}`).join(", ") + ": " + cut[0].text));
  const running = [];
  ops.spans.each(t, t, i => { if (filter.ops[i]) running.push(i); });
  if (running.length) out.push(paragraph("soft", "under way:"));
  for (const i of running.slice(0, 6)) out.push(paragraph("", element("b", "", `client ${ops.client[i]}`), " " + texts[ops.asked[i]]));
  if (running.length > 6) out.push(paragraph("soft", `and ${running.length - 6} more`));
  return out;
}

function phaseAt(t) {
  const p = phases.find(p => p.from <= t && t < p.until);
  return p ? p.text : "";
}

function describe(thing, t) {
  switch (thing && thing.type) {
    case "op": return describeOp(thing.i);
    case "message": return describeMessage(thing.i);
    case "band": return describeBand(thing.band);
    case "mark": return describeMark(thing.mark);
    case "lane": return [...describePlace(thing.n, t), ...describeTime(t)];
  }
  return describeTime(t);
}

function showDetail(thing, t, kept) {
  $("detail").firstElementChild.textContent = kept ? "Kept (Esc lets go)" : thing && thing.type !== "lane" ? "Below the pointer" : "At the cursor";
  $("text").replaceChildren(...describe(thing, t));
}

// ---- The legend: the very drawing, in small. ----

const legend = [
  ["write, done", c => paintBar(c, 4, 3, 28, 12, OK, true)],
  ["read, done", c => paintBar(c, 4, 3, 28, 12, OK, false)],
  ["✕ refused", c => paintBar(c, 4, 3, 28, 12, FAIL, true)],
  ["? unknown: may have happened", c => paintBar(c, 4, 3, 28, 12, UNKNOWN, true)],
  ["shows what is wrong", c => { paintBar(c, 4, 3, 28, 12, OK, true); frame(c, 7, 5, 22, 8, colour.bad); }, () => blamed.length],
  ["message with entries", c => swatchArrow(c, colour.ink, 1.6, 0.85), () => sent.n],
  ["other message", c => swatchArrow(c, colour.message, 1, 0.6), () => sent.n],
  ["lost message", c => { c.strokeStyle = colour.bad; c.setLineDash([4, 3]); c.beginPath(); c.moveTo(4, 3); c.lineTo(20, 11); c.stroke(); c.setLineDash([]); c.lineWidth = 2; cross(c, 22, 12, 4); }, () => sent.n],
  ["leads (each epoch has its colour)", c => swatchReign(c, "leader"), () => hasPlaces],
  ["follows", c => swatchReign(c, "follower"), () => hasPlaces],
  ["written, synced, committed, applied: the darker, the further", swatchPlaces, () => hasPlaces],
  ["furthest node", c => { c.strokeStyle = colour.muted; c.setLineDash([2, 3]); c.beginPath(); c.moveTo(2, 9); c.lineTo(34, 9); c.stroke(); c.setLineDash([]); }, () => hasPlaces],
  ["down", c => swatchBand(c, "down"), () => bands.some(b => b.look === "down")],
  ["paused", c => swatchBand(c, "paused"), () => bands.some(b => b.look === "paused")],
  ["slow", c => swatchBand(c, "slow"), () => bands.some(b => b.look === "slow")],
  ["✂ link cut", c => { c.fillStyle = colour["fault-soft"]; c.fillRect(2, 3, 32, 12); hatch2(c, "/", 2, 3, 32, 12); }, () => bands.some(b => b.to)],
];

function swatchArrow(c, ink, width, alpha) {
  c.strokeStyle = c.fillStyle = ink;
  c.lineWidth = width;
  c.globalAlpha = alpha;
  c.beginPath();
  c.moveTo(4, 3);
  c.lineTo(32, 14);
  c.stroke();
  arrowHead(c, 4, 3, 32, 14, 7);
  c.globalAlpha = 1;
}

function swatchReign(c, role) {
  [...new Set(hues.keys())].slice(0, 3).forEach((epoch, i, all) => {
    const w = 32 / all.length;
    c.fillStyle = reignColour({ role, epoch });
    c.fillRect(2 + i * w, 2, w, 14);
    if (role !== "leader") return;
    c.fillStyle = dark ? `hsl(${hues.get(epoch)} 60% 62%)` : `hsl(${hues.get(epoch)} 62% 42%)`;
    c.fillRect(2 + i * w, 2, w, 3);
  });
}

function swatchPlaces(c) {
  const alpha = shades();
  alpha.forEach((a, i) => {
    c.globalAlpha = a;
    c.fillStyle = colour.ink;
    c.fillRect(2 + i * 8, 2, 32 - i * 8, 14);
  });
  c.globalAlpha = 1;
}

function hatch2(c, kind, x, y, w, h) {
  c.save();
  c.beginPath();
  c.rect(x, y, w, h);
  c.clip();
  c.strokeStyle = c.fillStyle = colour.fault;
  c.globalAlpha = 0.5;
  c.beginPath();
  if (kind === "/") for (let i = x - h; i < x + w; i += 7) { c.moveTo(i, y + h); c.lineTo(i + h, y); }
  if (kind === "=") for (let i = y + 3; i < y + h; i += 5) { c.moveTo(x, i); c.lineTo(x + w, i); }
  c.stroke();
  if (kind === ".") for (let i = x + 2; i < x + w; i += 6) for (let j = y + 3; j < y + h; j += 6) c.fillRect(i, j, 2, 2);
  c.restore();
}

function swatchBand(c, look) {
  c.fillStyle = colour["fault-soft"];
  c.fillRect(2, 2, 32, 14);
  hatch2(c, { down: "/", paused: "=", slow: "." }[look], 2, 2, 32, 14);
  c.strokeStyle = colour.fault;
  c.strokeRect(2.5, 2.5, 31, 13);
}

function paintLegend() {
  $("legend").replaceChildren(...legend.filter(([, , when]) => !when || when()).map(([text, draw]) => {
    const canvas = document.createElement("canvas");
    const c = sized(canvas, 36, 18);
    draw(c);
    return element("span", "", canvas, text);
  }));
}

// sized gives a canvas a size in pixels of the page, however fine the screen is.
function sized(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const w = Math.round(width * ratio), h = Math.round(height * ratio);
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = width + "px";
    canvas.style.height = height + "px";
  }
  const c = canvas.getContext("2d");
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  return c;
}
