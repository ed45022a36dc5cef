// ---- The picture, from the back to the front. ----

function paint(c) {
  c.fillStyle = colour.ground;
  c.fillRect(0, 0, layout.width, layout.height);
  c.save();
  c.beginPath();
  c.rect(gutter, 0, layout.width - gutter, layout.height);
  c.clip();
  paintTime(c);
  nodes.forEach((_, n) => paintLane(c, n));
  paintMessages(c);
  nodes.forEach((_, n) => paintLaneText(c, n));
  paintOps(c);
  const labels = new Labels();
  paintBlame(c, labels);
  paintFlags(c, labels);
  c.restore();
}

function paintTime(c) {
  phases.forEach((p, i) => {
    const x = Math.max(gutter, xOf(p.from)), w = Math.min(layout.width, xOf(p.until)) - x;
    if (w <= 0) return;
    c.fillStyle = i % 2 ? colour.panel : colour.faint;
    c.fillRect(x, layout.axis, w, layout.phase);
    c.fillStyle = colour.line;
    if (xOf(p.from) > gutter) c.fillRect(x, layout.axis, 1, layout.bottom - layout.axis);
    write(c, p.text, x + 6, layout.axis + 13, { font: fonts.bold, fill: colour.muted, most: w - 10 });
  });
  const step = tickStep(), d = decimals(step);
  for (let t = Math.ceil(view.from / step) * step; t <= view.until; t += step) {
    const x = Math.round(xOf(t)) + 0.5;
    c.strokeStyle = colour.line;
    c.globalAlpha = 0.55;
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(x, layout.top);
    c.lineTo(x, layout.bottom);
    c.stroke();
    c.globalAlpha = 1;
    if (x > gutter + 22 && x < layout.width - 30) write(c, clock(t, d), x, 15, { font: fonts.small, fill: colour.muted, align: "center" });
  }
}

function paintLane(c, n) {
  const top = laneTop(n), h = layout.lane, left = gutter, right = layout.width;
  if (filter.hiddenNodes.has(n)) c.globalAlpha = 0.25;
  c.fillStyle = colour.panel;
  c.fillRect(left, top, right - left, h);
  for (const r of reigns[n]) {
    const x = Math.max(left, xOf(r.from)), w = Math.min(right, xOf(r.until)) - x;
    if (w <= 0) continue;
    c.fillStyle = reignColour(r);
    c.fillRect(x, top, w, h);
    if (r.role === "leader") { // a thick edge says it without colour
      c.fillStyle = dark ? `hsl(${hues.get(r.epoch)} 60% 62%)` : `hsl(${hues.get(r.epoch)} 62% 42%)`;
      c.fillRect(x, top, w, 3);
    }
  }
  if (hasPlaces && !filter.hidden.has("positions")) paintPlaces(c, n, top + 19, h - 22);
  if (!filter.hidden.has("faults")) nodeBands[n].forEach(b => paintBand(c, b, top, h));
  c.globalAlpha = 1;
  if (!filter.hidden.has("faults")) links[n].forEach(b => paintLink(c, n, b));
  c.strokeStyle = colour.weak;
  c.lineWidth = 1;
  c.globalAlpha = 0.6;
  c.strokeRect(left - 2, top + 0.5, right - left + 4, h - 1);
  c.globalAlpha = 1;
}

// paintLaneText writes what is in a lane, above the messages that cross it.
function paintLaneText(c, n) {
  const top = laneTop(n), h = layout.lane;
  if (filter.hiddenNodes.has(n)) c.globalAlpha = 0.25;
  paintReignNames(c, n, top);
  if (hasPlaces && !filter.hidden.has("positions")) paintCuts(c, n, top + 19, h - 22);
  if (!filter.hidden.has("faults")) {
    for (const b of nodeBands[n]) {
      const [x, w] = extent(b);
      if (w > 30) label(c, b.text, x + 5, top + h - 17, w - 10);
    }
    for (const b of links[n]) {
      const [x, w] = extent(b), way = { to: "to ", from: "from ", both: "" }[b.way];
      if (w > 24) label(c, `✂ ${way}${b.others.map(o => nodes[o]).join(", ")}: ${b.text}`, x + 3, linkTop(n, b) - 0.5, w - 6);
    }
  }
  paintLaneMarks(c, n, top, h);
  c.globalAlpha = 1;
}

// extent returns where a band begins in the picture, and how wide it is there;
// the width of one that is elsewhere is negative.
function extent(b) {
  const x = Math.max(gutter - 2, xOf(b.at)), right = Math.min(layout.width + 2, xOf(b.until));
  return [x, x > layout.width || right < gutter - 2 ? -1 : Math.max(3, right - x)];
}

function paintReignNames(c, n, top) {
  for (const r of reigns[n]) {
    const x = Math.max(gutter, xOf(r.from)), w = Math.min(layout.width, xOf(r.until)) - x;
    if (w < 20) continue;
    const text = [r.role, r.epoch && "epoch " + r.epoch].filter(Boolean).join(" · ");
    write(c, text, x + 6, top + 15, { halo: !!layout.crowded, font: r.role === "leader" ? fonts.bold : fonts.small, fill: r.role === "leader" ? colour.ink : colour.muted, most: w - 10 });
  }
}

function paintBand(c, b, top, h) {
  const [x, w] = extent(b);
  if (w < 0) return;
  if (b.look === "down") {
    c.globalAlpha = 0.72;
    c.fillStyle = colour.ground;
    c.fillRect(x, top, w, h);
    c.globalAlpha = 1;
  }
  c.fillStyle = colour["fault-soft"];
  c.fillRect(x, top, w, h);
  hatch(c, { down: "/", paused: "=", slow: "." }[b.look] || "/", x, top, w, h, colour["fault-soft"]);
  c.strokeStyle = colour.fault;
  c.lineWidth = 1.5;
  c.strokeRect(x, top + 1, w, h - 2);
}

// label writes on a plate of its own, so that hatching does not disturb.
function label(c, text, x, y, most) {
  c.font = fonts.small;
  text = fit(c, text, most - 6);
  if (!text) return;
  c.fillStyle = colour.ground;
  c.globalAlpha = 0.88;
  c.fillRect(x, y, c.measureText(text).width + 8, 15);
  c.globalAlpha = 1;
  write(c, text, x + 4, y + 11.5, { font: fonts.small, fill: colour.fault });
}

function paintLaneMarks(c, n, top, h) {
  for (const m of marks) {
    if (m.node !== nodes[n] || m.at < view.from || m.at > view.until) continue;
    const x = xOf(m.at), y = top + h - 7;
    c.fillStyle = m.kind === "start" ? colour.ok : m.kind === "note" ? colour.muted : colour.fault;
    c.beginPath();
    if (m.kind === "start") { c.moveTo(x, y - 5); c.lineTo(x + 9, y); c.lineTo(x, y + 5); }
    else if (m.kind === "exit") c.rect(x - 4, y - 4, 8, 8);
    else { c.moveTo(x, y - 5); c.lineTo(x + 5, y); c.lineTo(x, y + 5); c.lineTo(x - 5, y); }
    c.fill();
  }
}

// paintLink draws, at the edge of a lane, that its way to others is bad.
function paintLink(c, n, b) {
  const [x, w] = extent(b), y = linkTop(n, b);
  if (w < 0) return;
  c.fillStyle = colour["fault-soft"];
  c.fillRect(x, y, w, 14);
  hatch(c, "/", x, y, w, 14, colour["fault-soft"]);
}

const linkTop = (n, b) => b.up ? laneTop(n) - 14 * (b.slot + 1) : laneTop(n) + layout.lane + 14 * b.slot;

// ---- Positions: steps, the higher the further; what is darker is further on its way. ----

function scaleOfPlaces() {
  let low = Infinity, high = -Infinity;
  places.forEach((p, n) => {
    if (!p.at.length || filter.hiddenNodes.has(n)) return;
    const a = Math.max(placeAt(n, view.from), 0), b = Math.max(placeAt(n, view.until), 0);
    low = Math.min(low, p.applied[a] || p.synced[a], p.synced[b]);
    high = Math.max(high, p.written[a], p.written[b]);
  });
  const k = firstFrom(furthest.at, view.until + 1) - 1;
  if (k >= 0) high = Math.max(high, furthest.index[k]);
  if (low === Infinity) return null;
  return { low: low - Math.max(1, (high - low) * 0.06), high: Math.max(high, low + 4) };
}

// stepsOf returns points of a node's positions, at most one a pixel.
function stepsOf(p, first, last) {
  const out = [];
  let column = -1;
  for (let k = first; k <= last; k++) {
    const x = Math.max(gutter - 2, xOf(p.at[k]));
    if (Math.floor(x) === column && k < last && out.length && p.written[k] >= p.written[k - 1]) { out[out.length - 1].k = k; continue; }
    column = Math.floor(x);
    out.push({ x, k });
  }
  return out;
}

// shades are how dark written, synced, committed and applied are.
const shades = () => dark ? [0.07, 0.08, 0.11, 0.14] : [0.05, 0.06, 0.09, 0.13];

function paintPlaces(c, n, top, h) {
  const p = places[n], scale = layout.scale || (layout.scale = scaleOfPlaces());
  if (!p.at.length || !scale) return;
  const y = v => top + h - Math.min(1, Math.max(0, (v - scale.low) / (scale.high - scale.low))) * h;
  const points = stepsOf(p, Math.max(placeAt(n, view.from), 0), Math.max(placeAt(n, view.until), 0));
  const right = Math.min(layout.width, xOf(end));
  const alpha = shades();
  series.forEach((s, i) => {
    c.fillStyle = colour.ink;
    c.globalAlpha = alpha[i];
    c.beginPath();
    c.moveTo(points[0].x, top + h);
    let last = 0;
    points.forEach((pt, j) => {
      if (j) c.lineTo(pt.x, last);
      c.lineTo(pt.x, last = y(p[s][pt.k]));
    });
    c.lineTo(right, last);
    c.lineTo(right, top + h);
    c.fill();
  });
  c.globalAlpha = 1;
  line(c, points, k => y(p.written[k]), right, colour.ink, 1);
  paintFurthest(c, y, right);
}

function line(c, points, y, right, stroke, width) {
  c.strokeStyle = stroke;
  c.lineWidth = width;
  c.beginPath();
  let last = 0;
  points.forEach((pt, j) => {
    if (j) c.lineTo(pt.x, last); else c.moveTo(pt.x, y(pt.k));
    c.lineTo(pt.x, last = y(pt.k));
  });
  c.lineTo(right, last);
  c.stroke();
}

// paintFurthest draws how far the furthest node is, so that one sees who lags.
function paintFurthest(c, y, right) {
  const first = Math.max(firstFrom(furthest.at, view.from) - 1, 0), last = firstFrom(furthest.at, view.until + 1) - 1;
  c.setLineDash([2, 3]);
  c.strokeStyle = colour.muted;
  c.lineWidth = 1;
  c.beginPath();
  let column = -1, height = 0;
  for (let k = first; k <= last; k++) {
    const x = Math.max(gutter - 2, xOf(furthest.at[k]));
    if (Math.floor(x) === column && k < last) continue;
    if (column >= 0) c.lineTo(x, height);
    height = y(furthest.index[k]);
    if (column < 0) c.moveTo(x, height); else c.lineTo(x, height);
    column = Math.floor(x);
  }
  c.lineTo(right, height);
  c.stroke();
  c.setLineDash([]);
}

function paintCuts(c, n, top, h) {
  for (const cut of cuts[n]) {
    if (cut.at < view.from || cut.at > view.until) continue;
    const x = xOf(cut.at);
    c.strokeStyle = colour.bad;
    c.lineWidth = 2;
    c.beginPath();
    c.moveTo(x, top);
    c.lineTo(x, top + h);
    c.stroke();
    const text = `✂ log cut back, ${cut.from} → ${cut.to}`;
    c.font = fonts.small;
    const w = c.measureText(text).width, left = x + w + 8 < layout.width ? x + 5 : x - w - 5;
    write(c, text, left, top + h - 5, { font: fonts.small, fill: colour.bad, halo: true });
  }
}

// ---- Messages. ----

function paintMessages(c) {
  const visible = [];
  sent.spans.each(view.from, view.until, i => { if (filter.sent[i]) visible.push(i); });
  const steep = usual / (view.until - view.from) * plotWidth(); // pixels that one takes as a rule
  const crowded = visible.length > 3000 || visible.length > 700 && steep < 3;
  layout.crowded = crowded ? visible.length : 0;
  if (crowded) paintCrowd(c, visible); else visible.forEach(i => paintMessage(c, i));
  if (!crowded && visible.length < 90) nameMessages(c, visible);
}

// paintCrowd draws at most one message a pixel and link, and a cross for those
// of eight pixels that were lost.
function paintCrowd(c, visible) {
  const arrived = new Map(), crosses = new Set();
  for (const i of visible) {
    if (lost(i)) {
      crosses.add((Math.round(xOf(sent.at[i]) / 8) * nodes.length + sent.from[i]) * nodes.length + sent.to[i]);
      continue;
    }
    const cell = (Math.floor(xOf(sent.at[i])) * nodes.length + sent.from[i]) * nodes.length + sent.to[i];
    const rank = filter.hitSent[i] ? 2 : carries(i) ? 1 : 0, one = arrived.get(cell);
    if (!one) arrived.set(cell, { i, rank, n: 1 });
    else { one.n++; if (rank > one.rank) { one.rank = rank; one.i = i; } }
  }
  for (const { i, rank, n } of arrived.values()) {
    c.strokeStyle = rank === 2 ? colour.hit : colour.message;
    c.globalAlpha = rank === 2 ? 1 : Math.min(0.4, 0.07 + 0.05 * n + 0.06 * rank);
    betweenLanes(c, i);
  }
  c.globalAlpha = 1;
  c.strokeStyle = colour.bad;
  c.lineWidth = 1.5;
  for (const cell of crosses) {
    const to = cell % nodes.length, rest = (cell - to) / nodes.length, from = rest % nodes.length;
    const [y0, y1] = edges(from, to);
    cross(c, (rest - from) / nodes.length * 8, y0 + Math.sign(y1 - y0) * 24, 3);
  }
}

// betweenLanes draws a message in the room between lanes only.
function betweenLanes(c, i) {
  const from = sent.from[i], to = sent.to[i], [y0, y1] = edges(from, to);
  const x0 = xOf(sent.at[i]), slope = (Math.min(xOf(sent.end[i]), layout.width + 9) - x0) / (y1 - y0);
  c.lineWidth = 1;
  c.beginPath();
  for (let n = Math.min(from, to); n < Math.max(from, to); n++) {
    const top = laneTop(n) + layout.lane, bottom = laneTop(n + 1);
    c.moveTo(x0 + (top - y0) * slope, top);
    c.lineTo(x0 + (bottom - y0) * slope, bottom);
  }
  c.stroke();
}

// way returns where a message begins and ends in the picture.
function way(i) {
  const [y0, y1] = edges(sent.from[i], sent.to[i]);
  const x0 = xOf(sent.at[i]), x1 = xOf(sent.end[i]);
  if (!lost(i)) return [x0, y0, x1, y1];
  const part = Math.min(0.6, 34 / Math.abs(y1 - y0));
  return [x0, y0, x0 + Math.max((x1 - x0) * part, 3), y0 + (y1 - y0) * part];
}

function paintMessage(c, i, strong) {
  const [x0, y0, x1, y1] = way(i), hit = filter.hitSent[i], full = carries(i);
  const ink = strong || (hit ? colour.hit : lost(i) ? colour.bad : full ? colour.ink : colour.message);
  c.strokeStyle = c.fillStyle = ink;
  c.globalAlpha = strong || hit || lost(i) ? 1 : full ? 0.85 : 0.5;
  if (filter.search && !hit && !strong) c.globalAlpha = 0.15;
  c.lineWidth = strong ? 2.5 : full || hit ? 1.6 : 1;
  if (lost(i)) c.setLineDash([4, 3]);
  c.beginPath();
  c.moveTo(x0, y0);
  c.lineTo(x1, y1);
  c.stroke();
  c.setLineDash([]);
  if (lost(i)) {
    c.lineWidth = 2;
    cross(c, x1, y1, 4);
  } else arrowHead(c, x0, y0, x1, y1, strong ? 10 : 7);
  c.globalAlpha = 1;
}

// nameMessages writes what is in them, where there is room.
function nameMessages(c, visible) {
  const labels = new Labels();
  c.font = fonts.small;
  const order = [...visible].sort((a, b) => rankOf(b) - rankOf(a) || a - b);
  for (const i of order) {
    const [x0, y0, x1, y1] = way(i), text = nameOf(i), w = c.measureText(text).width;
    const y = (lost(i) ? y1 : y1 - Math.sign(y1 - y0) * layout.gap / 2) + (i % 3 - 1) * 9 + 4; // in the room before the receiver
    const x = x0 + (x1 - x0) * Math.min(1, Math.max(0, (y - y0) / (y1 - y0))) + 7;
    if (x < gutter || x + w > layout.width) continue;
    if (labels.free(x - 3, y - 11, w + 6, 15)) write(c, text, x, y, { font: fonts.small, fill: lost(i) ? colour.bad : colour.muted, halo: true });
  }
}
const rankOf = i => (filter.hitSent[i] ? 4 : 0) + (lost(i) ? 1 : 0) + (carries(i) ? 2 : 0);

// ---- Operations. ----

function barOf(i) {
  const h = layout.row - (layout.row > 16 ? 5 : 2), y = rowTop(ops.row[i]) + (layout.row - h) / 2, x = xOf(ops.call[i]);
  return [x, y, Math.max(ops.outcome[i] !== UNKNOWN ? 2 : ops.end[i] > ops.call[i] ? 5 : 14, xOf(ops.end[i]) - x), h];
}

function paintOps(c) {
  const last = new Float64Array(rows.length).fill(-9), kind = new Int8Array(rows.length).fill(-1);
  ops.spans.each(view.from, view.until, i => {
    if (!filter.ops[i]) return;
    const [x, y, w, h] = barOf(i), r = ops.row[i];
    if (w <= 2 && x - last[r] < 1 && kind[r] === ops.outcome[i] && !blame.has(i) && !filter.hitOps[i]) return;
    last[r] = x;
    kind[r] = ops.outcome[i];
    paintOp(c, i, x, y, w, h);
  });
}

function paintOp(c, i, x, y, w, h) {
  c.globalAlpha = filter.search && !filter.hitOps[i] && !blame.has(i) ? 0.2 : 1;
  const left = Math.max(x, gutter - 4), width = Math.min(x + w, layout.width + 4) - left;
  if (width < 4) {
    c.fillStyle = [colour.ok, colour.fail, colour.unknown][ops.outcome[i]];
    c.fillRect(left, y, width, h);
  } else paintBar(c, left, y, width, h, ops.outcome[i], isWrite(i));
  if (h > 9 && width > 16) nameOp(c, i, left, y, width, h);
  if (blame.has(i) || filter.hitOps[i]) frame(c, left, y, width, h, blame.has(i) ? colour.bad : colour.hit);
  c.globalAlpha = 1;
}

// paintBar draws what became of an operation: full and square for a write, pale
// and round for a read, dashed for a refusal, torn where nobody knows.
function paintBar(c, x, y, w, h, outcome, writes) {
  c.lineWidth = 1;
  c.strokeStyle = [colour.ok, colour.fail, colour.unknown][outcome];
  if (outcome === UNKNOWN) ragged(c, x, y, w, h); else rounded(c, x, y, w, h, writes ? 2 : Math.min(h / 2, 9));
  if (outcome !== FAIL) {
    c.fillStyle = outcome === UNKNOWN ? colour["unknown-soft"] : writes ? colour.ok : colour["ok-soft"];
    c.fill();
  }
  if (outcome === OK && writes) return;
  if (outcome === FAIL) c.setLineDash([3, 2]);
  c.stroke();
  c.setLineDash([]);
}

function frame(c, x, y, w, h, stroke) {
  if (w < 0) return; // elsewhere
  c.strokeStyle = stroke;
  c.lineWidth = 2.5;
  rounded(c, x - 3, y - 3, w + 6, h + 6, 4);
  c.stroke();
}

function rounded(c, x, y, w, h, r) {
  c.beginPath();
  c.roundRect(x, y, w, h, Math.min(r, w / 2));
}

// ragged is a box whose right side is torn: nobody knows how it ended.
function ragged(c, x, y, w, h) {
  const tooth = Math.min(4, w / 2);
  c.beginPath();
  c.moveTo(x, y);
  c.lineTo(x + w, y);
  for (let k = 1; k <= 4; k++) c.lineTo(x + w - (k % 2 ? tooth : 0), y + h * k / 4);
  c.lineTo(x, y + h);
  c.closePath();
}

const signs = ["", "✕ ", "? "];

function nameOp(c, i, x, y, w, h) {
  const solid = ops.outcome[i] === OK && isWrite(i);
  const fill = solid ? colour["ok-ink"] : ops.outcome[i] === OK ? colour.ink : ops.outcome[i] === UNKNOWN ? colour.unknown : colour.muted;
  write(c, signs[ops.outcome[i]] + texts[ops.brief[i]], x + 5, y + h / 2 + (h > 12 ? 4 : 3.5), { font: h > 14 ? fonts.plain : h > 12 ? fonts.small : fonts.tiny, fill, most: w - 8 });
}

// ---- Flags: what happened beside all this; and the operations to blame. ----

function paintFlags(c, labels) {
  if (!layout.flags) return;
  for (const m of marks) {
    if (m.kind === "start" || m.kind === "exit" || m.at < view.from || m.at > view.until) continue;
    const x = xOf(m.at), bad = m.kind === "broken" || m.kind === "crash" || m.kind === "trouble";
    const ink = bad ? colour.bad : m.kind === "fault" ? colour.fault : colour.muted;
    c.strokeStyle = c.fillStyle = ink;
    c.lineWidth = 1;
    c.setLineDash([1, 3]);
    c.beginPath();
    c.moveTo(x, layout.flagTop + 4);
    c.lineTo(x, layout.bottom);
    c.stroke();
    c.setLineDash([]);
    const text = (bad ? "✗ " : m.kind === "fault" ? "⚡ " : "") + (m.node ? m.node + ": " : "") + m.text;
    c.font = fonts.small;
    const w = Math.min(c.measureText(text).width, 330), left = x + w + 8 < layout.width ? x + 5 : Math.max(gutter, x - w - 8);
    const y = [14, 30].find(dy => labels.free(left - 2, layout.flagTop + dy - 12, w + 8, 15));
    c.beginPath();
    c.arc(x, layout.flagTop + (y || 14) - 4, 3, 0, 7);
    c.fill();
    if (y) write(c, text, left, layout.flagTop + y, { font: fonts.small, fill: ink, most: w + 1, halo: true });
  }
}

function paintBlame(c, labels) {
  for (const i of blamed) labels.free(xOf(ops.end[i]) - 9, layout.blameTop, 18, 20);
  blamed.forEach((i, n) => {
    const t = ops.end[i], x = xOf(t);
    if (t < view.from || t > view.until) return;
    c.strokeStyle = colour.bad;
    c.lineWidth = 1.2;
    c.setLineDash([5, 4]);
    c.beginPath();
    c.moveTo(x, layout.blameTop + 12);
    c.lineTo(x, layout.bottom);
    c.stroke();
    c.setLineDash([]);
    const text = `${kindName(i)} ${texts[ops.brief[i]]}${ops.outcome[i] === OK && isWrite(i) ? ": ok" : ""}`;
    c.font = fonts.bold;
    const w = Math.min(c.measureText(text).width, 300);
    const spots = [[x + 18, 0], [x - w - 18, 0], [x + 5, layout.blame], [x - w - 5, layout.blame]];
    const spot = spots.find(([left, dy]) => left >= gutter && left + w < layout.width && labels.free(left, layout.blameTop + dy + 2, w, 16));
    if (spot) write(c, text, spot[0], layout.blameTop + spot[1] + 16, { font: fonts.bold, fill: colour.bad, most: w + 1, halo: true });
    badge(c, n + 1, x, layout.blameTop + 12);
  });
}
const kindName = i => ["get", "put", "delete", "scan"][ops.kind[i]];

// ---- The names at the left, with what is at the cursor. ----

function paintGutter(c, t) {
  c.fillStyle = colour.ground;
  c.fillRect(0, 0, gutter - 2, layout.height);
  write(c, clock(t, Math.min(9, Math.max(3, decimals((view.until - view.from) / 1500)))), 8, 15, { font: fonts.bold, fill: colour.accent });
  if (layout.phase) write(c, "phase", gutter - 10, layout.axis + 13, { font: fonts.small, fill: colour.weak, align: "right" });
  if (layout.row >= 12) rows.forEach((row, r) => {
    const now = row.clients.filter(l => l.from <= view.until && l.until >= view.from);
    if (now.length) write(c, (now.length > 1 ? "clients " : "client ") + now.map(l => l.client).join(", "), gutter - 10, rowTop(r) + layout.row / 2 + 4, { font: fonts.small, fill: colour.muted, align: "right", most: gutter - 16 });
  });
  else if (rows.length) write(c, `${rows.length} clients`, gutter - 10, layout.opsTop + 12, { font: fonts.small, fill: colour.muted, align: "right" });
  nodes.forEach((name, n) => paintName(c, name, n, t));
}

function paintName(c, name, n, t) {
  const top = laneTop(n), p = places[n], k = p.at.length ? placeAt(n, t) : -1;
  write(c, name, 8, top + 17, { font: fonts.name, most: p.at.length ? gutter - 70 : gutter - 20 });
  if (k < 0) return;
  write(c, p.role[k], 8, top + 33, { font: fonts.small, fill: p.role[k] === "leader" ? colour.ink : colour.muted });
  write(c, p.epoch[k], 8, top + 47, { font: fonts.small, fill: colour.muted });
  series.forEach((s, j) => {
    const y = top + 12 + j * Math.min(16, (layout.lane - 12) / 3.2);
    write(c, gutter < 120 ? s[0] : s, gutter < 120 ? gutter - 36 : gutter - 50, y, { font: fonts.small, fill: colour.muted, align: "right" });
    write(c, String(p[s][k]), gutter - 10, y, { font: fonts.small, align: "right" });
  });
}

// ---- The whole run, small. ----

function paintSmall(c, width, height) {
  c.fillStyle = colour.panel;
  c.fillRect(0, 0, width, height);
  const x = t => t / end * width, columns = Math.ceil(width / 2), count = [0, 1, 2].map(() => new Float64Array(columns));
  for (let i = 0; i < ops.n; i++) if (filter.ops[i]) count[ops.outcome[i]][Math.min(columns - 1, Math.floor(x(ops.call[i]) / 2))]++;
  const most = Math.max(1, ...count.flatMap(column => [...column])) * 1.3;
  for (let k = 0; k < columns; k++) {
    let y = height - 9;
    [colour.ok, colour.fail, colour.unknown].forEach((fill, o) => {
      const h = Math.max(Math.sqrt(count[o][k] / most) * (height - 14), count[o][k] ? 1.5 : 0);
      c.fillStyle = fill;
      c.fillRect(k * 2, y - h, 2, h);
      y -= h;
    });
  }
  c.fillStyle = colour.fault;
  for (const b of bands) c.fillRect(x(b.at), height - 7, Math.max(2, x(b.until) - x(b.at)), 5);
  c.fillStyle = colour.line;
  for (const p of phases) c.fillRect(x(p.from), 0, 1, height);
  for (const p of phases) write(c, p.text, x(p.from) + 4, 11, { font: fonts.small, fill: colour.muted, most: x(p.until) - x(p.from) - 6 });
  c.fillStyle = colour.hit;
  for (const h of filter.hits.slice(0, 20000)) c.fillRect(x(h.at), 0, 1, 5);
  for (const i of blamed) {
    c.fillStyle = colour.bad;
    c.fillRect(x(ops.end[i]) - 1, 0, 2.5, height);
  }
}
