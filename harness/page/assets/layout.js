// ---- The layout: where things are, in pixels. ----

let gutter = 176; // room for names and numbers at the left
const margin = 10;
const view = { from: 0, until: end };
let layout = null, colour = {}, dark = false;

function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["ground", "panel", "line", "faint", "ink", "muted", "weak", "ok", "ok-soft", "ok-ink", "fail", "unknown",
    "unknown-soft", "bad", "bad-soft", "fault", "fault-soft", "message", "hit", "accent"]) colour[name] = style.getPropertyValue("--" + name).trim();
  dark = style.colorScheme.includes("dark");
}

const reignColour = r => {
  const h = hues.get(r.epoch), leads = r.role === "leader";
  if (r.role === "") return colour.panel;
  if (dark) return leads ? `hsl(${h} 46% 27%)` : `hsl(${h} 34% 15%)`;
  return leads ? `hsl(${h} 74% 84%)` : `hsl(${h} 62% 95.5%)`;
};

// newLayout places rows and lanes in a picture of this size; what is over goes
// to the lanes and to the room between them.
function newLayout(width, height) {
  const l = { width, height, flags: marks.some(m => m.kind !== "start" && m.kind !== "exit") ? 36 : 0, blame: blamed.length ? 24 : 0 };
  gutter = width < 620 ? 104 : 176;
  l.axis = 22;
  l.phase = phases.length ? 18 : 0;
  l.top = l.axis + l.phase;
  l.blameTop = l.top;
  l.flagTop = l.top + l.blame;
  l.opsTop = l.flagTop + l.flags + 6;
  const gaps = Math.max(nodes.length - 1, 0), links = bands.some(b => b.to);
  const wanted = ([row, lane, gap]) => {
    l.row = row;
    l.lane = hasPlaces ? lane : 34;
    l.gap = sent.n ? gap : gaps && links ? 34 : 12;
    return l.opsTop + rows.length * row + 26 + nodes.length * l.lane + gaps * l.gap + 16;
  };
  const fits = [[34, 66, 56], [29, 60, 52], [24, 60, 52], [20, 60, 52], [18, 56, 46], [16, 52, 42], [14, 50, 38]].some(s => wanted(s) <= height);
  if (!fits && rows.length > 6) [[11, 50, 38], [8, 50, 38]].some(s => wanted(s) <= height);
  const spare = Math.max(0, height - wanted([l.row, l.lane, l.gap]));
  if (nodes.length) {
    l.lane += Math.min(26, Math.floor(spare * 0.35 / nodes.length)) * (hasPlaces ? 1 : 0);
    if (gaps && sent.n) l.gap += Math.min(70, Math.floor(spare * 0.6 / gaps));
  }
  l.nodesTop = l.opsTop + rows.length * l.row + 26;
  l.height = Math.max(height, l.nodesTop + nodes.length * (l.lane + l.gap) - l.gap + 16);
  l.bottom = nodes.length ? l.nodesTop + nodes.length * (l.lane + l.gap) - l.gap + 4 : l.nodesTop;
  return l;
}

const laneTop = n => layout.nodesTop + n * (layout.lane + layout.gap);
const rowTop = r => layout.opsTop + r * layout.row;
const plotWidth = () => layout.width - gutter - margin;
const xOf = t => gutter + (t - view.from) / (view.until - view.from) * plotWidth();
const timeAt = x => view.from + (x - gutter) / plotWidth() * (view.until - view.from);

// edges returns where a message leaves and arrives: the sides of the two lanes
// that face each other.
function edges(from, to) {
  return from < to ? [laneTop(from) + layout.lane, laneTop(to)] : [laneTop(from), laneTop(to) + layout.lane];
}

// ---- Small things. ----

// decimals returns how many are needed to tell instants apart that are so far
// from each other.
const decimals = step => Math.min(9, Math.max(0, Math.ceil(-Math.log10(step / 1e9) - 1e-9)));
const clock = (t, d) => (t / 1e9).toFixed(d) + " s";
const exact = t => clock(t, Math.min(9, Math.max(3, decimals((view.until - view.from) / 2000))));

function tickStep() {
  const about = (view.until - view.from) / Math.max(2, plotWidth() / 110);
  const power = 10 ** Math.floor(Math.log10(about));
  return [1, 2, 5, 10].map(f => f * power).find(s => s >= about) || about;
}

const sans = "system-ui, -apple-system, 'Segoe UI', sans-serif";
const fonts = { tiny: `10px ${sans}`, small: `11px ${sans}`, plain: `12px ${sans}`, bold: `bold 12px ${sans}`, name: `bold 15px ${sans}` };

// write writes text, cut to a width, and says how wide it became. A halo keeps it
// readable on whatever is below.
function write(c, text, x, y, { font = fonts.plain, fill = colour.ink, most = Infinity, halo = false, align = "left" } = {}) {
  c.font = font;
  text = fit(c, text, most);
  if (!text) return 0;
  c.textAlign = align;
  if (halo) {
    c.lineJoin = "round";
    c.lineWidth = 4;
    c.strokeStyle = colour.ground;
    c.strokeText(text, x, y);
  }
  c.fillStyle = fill;
  c.fillText(text, x, y);
  c.textAlign = "left";
  return c.measureText(text).width;
}

function fit(c, text, most) {
  if (most === Infinity) return text;
  const width = c.measureText(text).width;
  if (width <= most) return text;
  let keep = Math.floor(text.length * most / width);
  while (keep > 1 && c.measureText(text.slice(0, keep) + "…").width > most) keep--;
  return keep < 2 ? "" : text.slice(0, keep) + "…";
}

// hatch fills a box with lines: "/" stands for down, "=" for paused, "." for slow.
function hatch(c, kind, x, y, w, h, stroke) {
  c.save();
  c.beginPath();
  c.rect(x, y, w, h);
  c.clip();
  c.strokeStyle = c.fillStyle = stroke;
  c.lineWidth = 1.2;
  c.beginPath();
  const left = Math.max(x, gutter) - h;
  if (kind === "/") for (let i = left - left % 7; i < Math.min(x + w, layout.width); i += 7) { c.moveTo(i, y + h); c.lineTo(i + h, y); }
  if (kind === "=") for (let i = y + 3; i < y + h; i += 6) { c.moveTo(x, i); c.lineTo(x + w, i); }
  c.stroke();
  if (kind === ".") for (let i = left - left % 8; i < Math.min(x + w, layout.width); i += 8) for (let j = y + 4; j < y + h; j += 8) c.fillRect(i, j, 2, 2);
  c.restore();
}

function cross(c, x, y, r) {
  c.beginPath();
  c.moveTo(x - r, y - r); c.lineTo(x + r, y + r);
  c.moveTo(x + r, y - r); c.lineTo(x - r, y + r);
  c.stroke();
}

function arrowHead(c, x0, y0, x1, y1, size) {
  const a = Math.atan2(y1 - y0, x1 - x0);
  c.beginPath();
  c.moveTo(x1, y1);
  c.lineTo(x1 - size * Math.cos(a - 0.42), y1 - size * Math.sin(a - 0.42));
  c.lineTo(x1 - size * Math.cos(a + 0.42), y1 - size * Math.sin(a + 0.42));
  c.fill();
}

function badge(c, n, x, y) {
  const r = 9;
  c.fillStyle = colour.bad;
  c.beginPath();
  c.arc(x, y, r, 0, 7);
  c.fill();
  write(c, String(n), x, y + 4, { font: fonts.bold, fill: colour.ground, align: "center" });
}

// Labels keeps labels from lying on each other.
class Labels {
  constructor() { this.taken = []; }
  free(x, y, w, h) {
    x -= 4;
    w += 8;
    if (this.taken.some(t => x < t[0] + t[2] && t[0] < x + w && y < t[1] + t[3] && t[1] < y + h)) return false;
    this.taken.push([x, y, w, h]);
    return true;
  }
}
