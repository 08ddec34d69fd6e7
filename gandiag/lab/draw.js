
"use strict";
// Drawing: one run onto canvases. Places are whole numbers within a box of three sides of the view.
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const doubles = (text) => { const b = bytes(text), v = new DataView(b.buffer); return Uint16Array.from({ length: b.length / 2 }, (_, i) => v.getUint16(2 * i, true)); };
const theme = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const mix = (a, b, t) => a.map((v, i) => Math.round(v + (b[i] - v) * t));
const NONE = 255;

function unpacked(run) {
  const opened = (all, keys, how) => keys.forEach((key) => { if (all && all[key]) all[key] = how(all[key]); });
  opened(run, ["best", "disc", "density"], bytes);
  opened(run, ["real", "samples", "manifold"], doubles);
  for (const pull of [run.pull, run.within && run.within.pull]) {
    opened(pull, ["angle", "length"], bytes);
    opened(pull, ["outputs"], doubles);
  }
  for (const change of run.within ? [run.within.change, run.within.moved] : []) opened(change, ["levels"], bytes);
  const [x, y, side] = run.view, [bx, by, wide] = run.box, unit = wide / 65535;
  // From a packed place to 0..1 of the view; y grows upwards.
  run.px = (v) => (bx + v * unit - x) / side;
  run.py = (v) => 1 - (by + v * unit - y) / side;
  run.shown = run.samples.length / 2 / run.steps.length;
  return run;
}

function context(canvas) {
  const ratio = window.devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
  }
  const c = canvas.getContext("2d");
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, w, h);
  return [c, w, h];
}

// Squares are drawn as squares: between their centres nothing was measured.
function heat(c, size, n, level, low, middle, high) {
  const small = document.createElement("canvas");
  small.width = small.height = n;
  const s = small.getContext("2d"), image = s.createImageData(n, n);
  for (let row = 0; row < n; row++) for (let col = 0; col < n; col++) {
    const t = level(row * n + col), at = 4 * ((n - 1 - row) * n + col);
    if (t === null) continue;
    const paint = t < 0.5 ? mix(middle, low, 1 - 2 * t) : mix(middle, high, 2 * t - 1);
    image.data.set([...paint, 255], at);
  }
  s.putImageData(image, 0, 0);
  c.imageSmoothingEnabled = false;
  c.globalAlpha = 0.62;
  c.drawImage(small, 0, 0, size, size);
  c.globalAlpha = 1;
}

function contour(c, size, n, at) {
  const step = size / n;
  c.beginPath();
  for (let row = 0; row < n - 1; row++) for (let col = 0; col < n - 1; col++) {
    const v = [at(row * n + col), at(row * n + col + 1), at((row + 1) * n + col + 1), at((row + 1) * n + col)];
    const corner = [[0, 0], [1, 0], [1, 1], [0, 1]], cuts = [];
    for (let i = 0; i < 4; i++) {
      const j = (i + 1) % 4, p = v[i] - 0.5, q = v[j] - 0.5;
      if (p < 0 === q < 0) continue;
      const t = p / (p - q);
      cuts.push([corner[i][0] + t * (corner[j][0] - corner[i][0]), corner[i][1] + t * (corner[j][1] - corner[i][1])]);
    }
    for (let i = 0; i + 1 < cuts.length; i += 2) for (const [k, m] of [[i, "moveTo"], [i + 1, "lineTo"]])
      c[m]((col + 0.5 + cuts[k][0]) * step, size - (row + 0.5 + cuts[k][1]) * step);
  }
  c.strokeStyle = theme("ink");
  c.lineWidth = 1.4;
  c.stroke();
}

function rings(c, run, size) {
  c.strokeStyle = theme("real");
  c.lineWidth = 1.1;
  for (let i = 0; i < run.real.length; i += 2) {
    c.beginPath();
    c.arc(run.px(run.real[i]) * size, run.py(run.real[i + 1]) * size, 2.3, 0, 7);
    c.stroke();
  }
}

function dots(c, run, frame, w, h, radius) {
  c.fillStyle = theme("fake");
  const start = frame * run.shown * 2;
  for (let i = start; i < start + 2 * run.shown; i += 2) {
    c.beginPath();
    c.arc(run.px(run.samples[i]) * w, run.py(run.samples[i + 1]) * h, radius, 0, 7);
    c.fill();
  }
}

function manifold(c, run, frame, size) {
  const [rows, cols] = run.sheet, start = frame * rows * cols;
  const x = (k) => run.px(run.manifold[2 * (start + k)]) * size, y = (k) => run.py(run.manifold[2 * (start + k) + 1]) * size;
  const level = (ks) => ks.reduce((sum, k) => sum + (run.density[start + k] & 127), 0) / ks.length / 127;
  const [plain, fold] = [theme("fake"), theme("fold")];
  for (let r = 0; r < Math.max(1, rows - 1); r++) for (let k = r * cols; k < r * cols + cols - 1; k++) {
    const ks = rows === 1 ? [k, k + 1] : [k, k + 1, k + cols + 1, k + cols];
    const folded = ks.filter((i) => run.density[start + i] & 128).length * 2 > ks.length;
    c.beginPath();
    ks.forEach((i, n) => (n ? c.lineTo(x(i), y(i)) : c.moveTo(x(i), y(i))));
    c.globalAlpha = 0.1 + 0.6 * level(ks);
    if (rows > 1) {
      c.closePath();
      c.fillStyle = folded ? fold : plain;
      c.fill();
      c.globalAlpha = 0.5;
    }
    c.strokeStyle = folded ? fold : plain;
    c.lineWidth = rows === 1 ? 3 : 0.6;
    c.stroke();
  }
  c.globalAlpha = 1;
}

// Minus the derivative of each loss by D's output; the arrow is this times the slope of the output.
const sigmoid = (t) => 1 / (1 + Math.exp(-t));
const PULL = { non_saturating: (f) => sigmoid(-f), saturating: sigmoid, least_squares: (f) => 1 - f, wasserstein: () => 1 };

// Of a pull: where its frame begins in it, and the place of each sample in 0..1 of the view.
function arrows(c, run, { pull: { outputs, angle, length }, first, place }, size, loss, logarithmic) {
  c.strokeStyle = theme("arrow");
  c.lineWidth = 1.5;
  for (let i = 0; i < run.arrows; i++) {
    const f = (outputs[first + i] / 65535 * 2 - 1) * 100, turn = angle[first + i] / 256 * 2 * Math.PI;
    const slope = 10 ** (-6 + length[first + i] / 255 * 10), pull = PULL[loss](f) * slope * run.view[2];
    const strength = Math.abs(pull), reach = logarithmic ? 0.035 * Math.max(0, Math.log10(strength) + 3) : 0.01 * strength;
    const tall = Math.sign(pull) * Math.min(reach, 0.2) * size;
    const [x, y] = place(i).map((at) => at * size);
    const [u, v] = [x + tall * Math.cos(turn), y - tall * Math.sin(turn)];
    c.beginPath();
    c.moveTo(x, y);
    c.lineTo(u, v);
    if (Math.abs(tall) > 5) for (const bend of [-0.45, 0.45]) {
      const back = Math.atan2(y - v, x - u) + bend;
      c.moveTo(u, v);
      c.lineTo(u + 4 * Math.cos(back), v + 4 * Math.sin(back));
    }
    c.stroke();
  }
}

function map(canvas, run, frame, which, layers, loss) {
  const [c, size] = context(canvas), n = run.cells, start = frame * n * n;
  const card = rgb(theme("card")), probability = (k) => run.disc[start + k] / 254;
  const best = (k) => (run.best[start + k] === NONE ? null : run.best[start + k] / 254);
  if (which === "gap" && run.disc) {
    const gap = (k) => (best(k) === null ? null : (probability(k) - best(k) + 1) / 2);
    heat(c, size, n, gap, rgb(theme("a")), card, rgb(theme("b")));
  } else if (which === "best") heat(c, size, n, best, rgb(theme("fake")), card, rgb(theme("real")));
  else if (which === "first" && run.disc && layers.heat) heat(c, size, n, probability, rgb(theme("fake")), card, rgb(theme("real")));
  if (which === "first" && run.disc && layers.contour) contour(c, size, n, probability);
  if (layers.real) rings(c, run, size);
  if (which !== "first") return;
  if (layers.manifold && run.manifold) manifold(c, run, frame, size);
  if (layers.fake) dots(c, run, frame, size, size, 2);
  if (!layers.arrows || !run.disc) return;
  const shown = frame * run.shown, place = (i) => [run.px(run.samples[2 * (shown + i)]), run.py(run.samples[2 * (shown + i) + 1])];
  arrows(c, run, { pull: run.pull, first: frame * run.arrows, place }, size, loss, layers.log);
}

function bars(canvas, run, frame) {
  const [c, w, h] = context(canvas), [real, fake] = run.histograms.map((all) => all[frame]);
  const top = Math.max(...real, ...fake, 1), wide = w / real.length, half = h / 2;
  real.forEach((count, i) => {
    c.fillStyle = theme("real");
    c.fillRect(i * wide + 1, half - count / top * (half - 4), wide - 2, count / top * (half - 4));
    c.fillStyle = theme("fake");
    c.fillRect(i * wide + 1, half, wide - 2, fake[i] / top * (half - 4));
  });
  c.strokeStyle = theme("faint");
  c.strokeRect(w / 2, 0, 0, h);
}

function strip(canvas, run, frame) {
  const [c, w, h] = context(canvas), many = Math.max(1, Math.round(w / h)), wide = w / many, out = [];
  for (let i = 0; i < many; i++) {
    const at = Math.round(i * (run.steps.length - 1) / Math.max(1, many - 1));
    out.push(at);
    c.save();
    c.beginPath();
    c.rect(i * wide, 0, wide, h);
    c.clip();
    c.translate(i * wide, 0);
    c.globalAlpha = 0.55;
    dots(c, run, at, wide, h, 1);
    c.globalAlpha = 1;
    c.strokeStyle = theme("line");
    c.strokeRect(0, 0, wide, h);
    c.restore();
  }
  const near = out.reduce((best, at, i) => (at <= frame ? i : best), 0);
  c.strokeStyle = theme("ink");
  c.lineWidth = 2;
  c.strokeRect(near * wide + 1, 1, wide - 2, h - 2);
  return out;
}
