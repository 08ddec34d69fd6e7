// Replaying: one clock of steps for all runs, charts on the same axis, controls by pointer and by keys.
(() => {
  const runs = JSON.parse(document.getElementById("data").textContent).map(unpacked), by = (id) => document.getElementById(id);
  const steps = [...new Set(runs.flatMap((run) => run.steps))].sort((a, b) => a - b), last = steps.length - 1;
  const frameAt = (run, step) => Math.max(0, run.steps.findLastIndex((s) => s <= step));
  const layers = {}, boxes = [...document.querySelectorAll("[data-layer]")];
  // It opens where the run ended; playing from there begins anew.
  let now = last, playing = false, due = 0;

  // Title, scalar, lowest and highest value of the axis where they are known.
  const LN2 = Math.log(2), CHARTS = [
    ["Jensen–Shannon, nats", "js", 0, 0.72], ["cost of D", "loss/D"], ["cost of G", "loss/G"],
    ["how far D is from D*", "d_gap", 0], ["modes held", "modes", 0, Math.max(1, ...runs.map((run) => run.modes))],
    ["real examples a second", "examples_per_second", 0],
  ];
  // Further losses that the training told, such as a critic's estimate, come after the costs.
  const others = new Set(runs.flatMap((run) => Object.keys(run.scalars)).filter((key) => /^loss\/./.test(key) && !/^loss\/[DG]$/.test(key)));
  CHARTS.splice(3, 0, ...[...others].slice(0, 4).map((key) => [key.slice(5, 45), key]));
  const values = (run, name) => run.scalars[name] || [];
  const charts = CHARTS.filter(([, name]) => runs.some((run) => values(run, name).some((v) => v !== null))).map((spec) => {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption"), canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    caption.textContent = spec[0];
    figure.append(caption, canvas);
    by("charts").append(figure);
    return { spec, canvas };
  });
  const told = (v) => (v === null || v === undefined ? "–" : Math.abs(v) >= 1000 ? Math.round(v).toLocaleString("en") : String(Number(v.toPrecision(3))).replace("-", "−"));

  function marks(name) {
    const out = [];
    runs.forEach((run) => {
      const level = run.equilibrium[name.slice(5)];
      if (name.startsWith("loss/") && level !== undefined && !out.some(([v]) => v === level)) out.push([level, "equilibrium"]);
    });
    if (name === "js") out.push([LN2, "ln 2"]);
    if (name === "modes" && runs[0].modes) out.push([runs[0].modes, "all"]);
    return out;
  }

  function chart({ spec: [title, name, low, high], canvas }) {
    const [c, w, h] = context(canvas), left = 54, right = 10, top = 8, bottom = 20, known = marks(name);
    const seen = [...runs.flatMap((run) => values(run, name)).filter((v) => v !== null), ...known.map(([v]) => v)];
    const from = low ?? Math.min(...seen), least = Math.max(...seen), upto = high ?? (least > from ? least + 0.06 * (least - from) : from + 1);
    const x = (s) => left + (s - steps[0]) / Math.max(1, steps[last] - steps[0]) * (w - left - right);
    const y = (v) => h - bottom - (v - from) / (upto - from) * (h - top - bottom);
    c.font = "11px system-ui, sans-serif";
    c.fillStyle = theme("soft");
    c.textAlign = "right";
    for (const t of [0, 0.5, 1]) c.fillText(told(from + t * (upto - from)), left - 5, y(from + t * (upto - from)) + (t === 1 ? 8 : 3));
    c.textAlign = "left";
    c.fillText(steps[0].toLocaleString("en"), left, h - 5);
    c.textAlign = "right";
    c.fillText("step " + steps[last].toLocaleString("en"), w - right, h - 5);
    c.strokeStyle = theme("line");
    c.lineWidth = 1;
    c.strokeRect(left, top, w - left - right, h - top - bottom);
    if (runs[0].floors[name]) {
      c.fillStyle = theme("faint");
      c.globalAlpha = 0.35;
      const most = Math.max(...runs.map((run) => run.floors[name][1]));
      c.fillRect(left, y(most), w - left - right, y(from) - y(most));
      c.globalAlpha = 1;
    }
    for (const [level] of known) {
      c.setLineDash([3, 4]);
      c.strokeStyle = theme("soft");
      line(c, [[left, y(level)], [w - right, y(level)]]);
      c.setLineDash([]);
    }
    runs.forEach((run, i) => {
      c.strokeStyle = theme("ab"[i]);
      c.lineWidth = 1.8;
      c.setLineDash(i ? [6, 3] : []);
      line(c, values(run, name).map((v, k) => (v === null ? null : [x(run.steps[k]), y(v)])));
      c.setLineDash([]);
    });
    c.textAlign = "center";
    for (const [level, says] of known) words(c, says, (left + w - right) / 2, y(level) < top + 14 ? y(level) + 12 : y(level) - 4);
    c.strokeStyle = theme("ink");
    c.lineWidth = 1;
    line(c, [[x(steps[now]), top], [x(steps[now]), h - bottom]]);
    canvas.setAttribute("aria-label", `${title} at step ${steps[now]}: ` + runs.map((run) => `${run.name} ${told(values(run, name)[frameAt(run, steps[now])])}`).join(", "));
    return { left, right, w };
  }

  function line(c, points) {
    c.beginPath();
    let pen = false;
    for (const p of points) {
      if (p) pen ? c.lineTo(...p) : c.moveTo(...p);
      pen = p !== null;
    }
    c.stroke();
  }

  function sentence(run, frame) {
    const v = (name) => values(run, name)[frame], parts = [`step ${run.steps[frame].toLocaleString("en")}, ${told(run.seconds[frame])} s`];
    parts.push(`JS ${told(v("js"))} nats (perfect: ${told(run.floors.js[0])})`);
    for (const name of ["D", "G"]) if (v("loss/" + name) != null) parts.push(`cost of ${name} ${told(v("loss/" + name))}`);
    if (run.modes) parts.push(`${told(v("modes"))} of ${run.modes} modes`);
    if (v("examples_per_second") != null) parts.push(`${told(v("examples_per_second"))} examples/s`);
    return parts.join(" · ");
  }

  function draw() {
    const second = by("second").value;
    document.querySelectorAll("[data-run]").forEach((article, i) => {
      const run = runs[i], frame = frameAt(run, steps[now]), part = (name) => article.querySelector(`[data-${name}]`);
      const chosen = by("loss").value, loss = chosen === "own" || run.output !== "logit" ? run.loss : chosen;
      const which = run.disc ? second : "best", text = sentence(run, frame);
      article.querySelectorAll("[data-map]").forEach((canvas) => {
        const first = canvas.dataset.map === "first";
        map(canvas, run, frame, first ? "first" : which, layers, loss);
        canvas.setAttribute("aria-label", `${first ? "Discriminator and samples" : which === "best" ? "Best possible discriminator" : "D minus D*"} of ${run.name}, ${text}`);
      });
      part("caption").textContent = which === "best" ? `D*, p ${run.exact ? "exact" : "counted"}, q by ${run.q_from === "flow" ? "pushing latents forward" : "counting samples"}` : "D minus D*: blue too low, orange too high";
      part("now").textContent = text;
      const row = part("strip");
      row.frames = strip(row, run, frame);
      row.setAttribute("aria-label", `Samples of ${run.name} at ${row.frames.length} frames from first to last`);
      if (part("within")) {
        const says = told_within(run, frame, told);
        within(part("within"), run, frame, loss, layers.log);
        part("within-caption").textContent = says;
        part("within").setAttribute("aria-label", `${run.name}, step ${run.steps[frame]}, ${says}`);
      }
      if (part("bars")) {
        bars(part("bars"), run, frame);
        part("bars").setAttribute("aria-label", `Histogram of what D says of data and of made samples, ${run.name}, ${text}`);
      }
    });
    charts.forEach((one) => (one.frame = chart(one)));
    by("scrub").value = now;
    by("scrub").setAttribute("aria-valuetext", `step ${steps[now]}`);
    by("where").textContent = `step ${steps[now].toLocaleString("en")}`;
    by("play").textContent = playing ? "Pause" : "Play";
    if (!playing) by("said").textContent = runs.map((run) => `${run.name}: ${sentence(run, frameAt(run, steps[now]))}`).join(". ");
  }

  function go(to, stop = true) {
    if (stop) playing = false;
    now = Math.min(last, Math.max(0, to));
    draw();
  }
  function tick(time) {
    if (!playing) return;
    if (time >= due) {
      due = time + 1000 / Number(by("speed").value);
      if (now >= last) playing = false;
      go(now + 1, false);
    }
    requestAnimationFrame(tick);
  }
  function toggle() {
    playing = !playing;
    if (playing && now >= last) now = 0;
    due = 0;
    draw();
    requestAnimationFrame(tick);
  }
  function read() {
    boxes.forEach((box) => (layers[box.dataset.layer] = box.checked));
    draw();
  }

  const KEYS = { " ": toggle, ArrowLeft: () => go(now - 1), ArrowRight: () => go(now + 1), Home: () => go(0), End: () => go(last) };
  document.addEventListener("keydown", (event) => {
    const at = event.target, own = at.closest("button, summary, input[type=checkbox]") ? [" ", "Enter"] : at.closest("input, select, .scroll") ? null : [];
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const box = boxes[Number(event.key) - 1];
    if (box && Number(event.key) <= 6 && !at.closest("select")) {
      box.checked = !box.checked;
      return read();
    }
    // The slider moves by arrows itself, but it does not play.
    const free = own === null ? at.id === "scrub" && event.key === " " : !own.includes(event.key);
    if (!free || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  by("play").addEventListener("click", toggle);
  by("back").addEventListener("click", () => go(now - 1));
  by("on").addEventListener("click", () => go(now + 1));
  by("scrub").max = last;
  by("scrub").addEventListener("input", (event) => go(Number(event.target.value)));
  [...boxes, by("loss"), by("second")].forEach((one) => one.addEventListener("change", read));
  const nearest = (step) => steps.reduce((best, s, i) => (Math.abs(s - step) < Math.abs(steps[best] - step) ? i : best), 0);
  charts.forEach((one) => {
    const seek = (event) => {
      if (event.type === "pointermove" && !event.buttons) return;
      const { left, right, w } = one.frame, t = (event.offsetX - left) / (w - left - right);
      go(nearest(steps[0] + t * (steps[last] - steps[0])));
    };
    one.canvas.addEventListener("pointerdown", seek);
    one.canvas.addEventListener("pointermove", seek);
  });
  document.querySelectorAll("[data-strip]").forEach((row) => row.addEventListener("click", (event) => {
    const i = Math.min(row.frames.length - 1, Math.floor(event.offsetX / row.clientWidth * row.frames.length));
    go(nearest(runs[Number(row.closest("[data-run]").dataset.run)].steps[row.frames[i]]));
  }));
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", draw);
  document.querySelectorAll("details").forEach((one) => (one.open = false));
  by("lab").hidden = false;
  read();
  new ResizeObserver(draw).observe(by("lab"));
})();
