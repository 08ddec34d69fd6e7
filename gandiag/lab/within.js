// One step taken apart, in six panels: before it, D's update, what it changed, the pull on G's samples, their move, after.
const reach = (most) => {
  // The largest power of ten, or twice or five times one, that keeps the longest move within a sixth of the view.
  const room = 0.16 / Math.max(most, 1e-9), ten = 10 ** Math.floor(Math.log10(room));
  return Math.max(1, [5, 2, 1].map((k) => k * ten).find((k) => k <= room));
};

function within(canvas, run, frame, loss, logarithmic) {
  const [c, w, h] = context(canvas), across = w / h > 3 ? 6 : 3, size = w / across;
  if (!run.within.seen[frame]) {
    c.fillStyle = theme("soft");
    c.font = "12px system-ui, sans-serif";
    c.fillText("What came before this step was not looked at.", 12, h / 2);
    return;
  }
  const { change, moved, pull } = run.within, n = run.cells, cell = frame * n * n, first = frame * run.arrows, shown = frame * run.shown;
  const now = (k) => run.disc[cell + k] / 254, changed = (k) => (change.levels[cell + k] - 127) / 127;
  const move = (i, axis) => (moved.levels[2 * (first + i) + axis] - 127) / 127 * moved.most[frame];
  const after = (i) => [run.px(run.samples[2 * (shown + i)]), run.py(run.samples[2 * (shown + i) + 1])];
  // y grows downwards on the canvas, upwards in the plane.
  const before = (i) => { const [x, y] = after(i); return [x - move(i, 0), y + move(i, 1)]; };
  const [low, card, high] = ["fake", "card", "real"].map((name) => rgb(theme(name)));
  const belief = (at) => heat(c, size, n, at, low, card, high);
  const points = (at) => {
    c.fillStyle = theme("fake");
    for (let i = 0; i < run.arrows; i++) {
      const [x, y] = at(i);
      c.beginPath();
      c.arc(x * size, y * size, 1.3, 0, 7);
      c.fill();
    }
  };
  const paths = () => {
    const k = reach(moved.most[frame]);
    c.strokeStyle = theme("ink");
    c.lineWidth = 1;
    for (let i = 0; i < run.arrows; i++) {
      const [x, y] = before(i);
      c.beginPath();
      c.moveTo(x * size, y * size);
      c.lineTo((x + k * move(i, 0)) * size, (y - k * move(i, 1)) * size);
      c.stroke();
    }
  };
  const panels = [
    () => { belief((k) => now(k) - changed(k) * change.most[frame]); points(before); },
    () => { belief(now); points(before); },
    () => heat(c, size, n, (k) => (changed(k) + 1) / 2, rgb(theme("a")), card, rgb(theme("b"))),
    () => { arrows(c, run, { pull, first, place: before }, size, loss, logarithmic); points(before); },
    () => { paths(); points(before); },
    () => { belief(now); points(after); },
  ];
  panels.forEach((panel, i) => {
    c.save();
    c.translate(i % across * size, Math.floor(i / across) * size);
    c.beginPath();
    c.rect(0, 0, size, size);
    c.clip();
    panel();
    c.strokeStyle = theme("line");
    c.lineWidth = 1;
    c.strokeRect(0, 0, size, size);
    words(c, String(i + 1), 5, 13);
    c.restore();
  });
}

// Letters over lines keep a rim of the ground behind them.
function words(c, text, x, y) {
  c.font = "11px system-ui, sans-serif";
  c.lineWidth = 3;
  c.lineJoin = "round";
  c.strokeStyle = theme("card");
  c.strokeText(text, x, y);
  c.fillStyle = theme("soft");
  c.fillText(text, x, y);
}

function told_within(run, frame, told) {
  if (!run.within.seen[frame]) return "within one step";
  const { change, moved } = run.within;
  return `within this step: 1 before, 2 D after its update, 3 what that changed in D (at most ${told(change.most[frame])}), `
    + `4 the pull on the samples, 5 how they moved (drawn ${told(reach(moved.most[frame]))} times as long), 6 after`;
}
