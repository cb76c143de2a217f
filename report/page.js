"use strict";
// The page of a report, built from the data that stands beside it. Whatever comes from a run is set as text, never as
// markup; control characters, and marks that change the direction of text, are shown by their number.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const runs = data.runs;
  const several = runs.length > 1;

  // ---- Elements ----

  const odd = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;
  /** Appends text; characters that could not be seen are shown as U+XXXX. */
  function write(element, text) {
    let plain = "";
    const put = () => { if (plain) element.append(plain); plain = ""; };
    for (const c of String(text)) {
      if (!odd.test(c)) { plain += c; continue; }
      put();
      const mark = document.createElement("span");
      mark.className = "odd";
      mark.textContent = "U+" + c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      element.append(mark);
    }
    put();
    return element;
  }
  /** el("td.n", {title: "…"}, children…): an element; strings become text. */
  function el(kind, attributes, ...children) {
    const [name, ...classes] = kind.split(".");
    const element = document.createElement(name);
    if (classes.length) element.className = classes.join(" ");
    for (const [key, value] of Object.entries(attributes || {}))
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (value !== undefined && value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
    for (const child of children.flat())
      if (child instanceof Node) element.append(child);
      else if (child !== undefined && child !== null && child !== false) write(element, child);
    return element;
  }
  function svg(name, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  // ---- Numbers ----

  const isNumber = (x) => typeof x === "number" && isFinite(x);
  const grouped = (n) => Math.round(n).toLocaleString("en-US");
  function short(x) {
    if (!isNumber(x)) return "–";
    if (x === 0) return "0";
    const size = Math.abs(x);
    if (size >= 1e6 || size < 1e-3) return x.toExponential(2).replace("e+", "e");
    if (size >= 1000) return grouped(x);
    return String(Number(x.toPrecision(4)));
  }
  function tick(x) {
    const size = Math.abs(x);
    if (size >= 1e9) return +(x / 1e9).toPrecision(4) + "G";
    if (size >= 1e6) return +(x / 1e6).toPrecision(4) + "M";
    if (size >= 1e4) return +(x / 1e3).toPrecision(4) + "k";
    if (size > 0 && size < 1e-3) return x.toExponential(0).replace("e+", "e");
    return String(+x.toPrecision(5));
  }
  const percent = (x, digits = 1) => (isNumber(x) ? (100 * x).toFixed(digits) + " %" : "–");
  function duration(seconds) {
    if (!isNumber(seconds)) return "–";
    if (seconds < 60) return (seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)) + " s";
    const s = Math.round(seconds), two = (n) => String(n).padStart(2, "0");
    if (s < 3600) return Math.floor(s / 60) + ":" + two(s % 60) + " min";
    return Math.floor(s / 3600) + ":" + two(Math.floor((s % 3600) / 60)) + " h";
  }
  function clockTick(seconds, range) {
    if (range < 90) return +seconds.toPrecision(4) + " s";
    const s = Math.round(seconds), two = (n) => String(n).padStart(2, "0");
    if (range < 5400 && s < 3600) return Math.floor(s / 60) + ":" + two(s % 60);
    return Math.floor(s / 3600) + ":" + two(Math.floor((s % 3600) / 60)) + " h";
  }
  const shares = new Set(["accuracy", "unknown_words", "exact", "clipped", "coverage"]);
  const words = {
    loss: "training loss", train_loss: "training loss", valid_loss: "validation loss", learning_rate: "learning rate",
    gradient_norm: "gradient norm", gradient_norm_max: "largest", unknown_words: "accuracy on unknown words",
    clipped: "share of clipped steps", skipped: "steps left out", bleu: "BLEU", mae: "MAE", rmse: "RMSE", mase: "MASE",
  };
  const called = (key) => words[key] || key.replace(/_per_second$/, " per second").replace(/_/g, " ");
  const figure = (key, x) => (shares.has(key) ? percent(x, 2) : short(x));
  const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

  // ---- What the reader has chosen; it survives a page that loads itself again ----

  const memory = {
    get(key, otherwise) {
      try { const text = sessionStorage.getItem("unroll." + key); return text === null ? otherwise : JSON.parse(text); }
      catch { return otherwise; }
    },
    set(key, value) { try { sessionStorage.setItem("unroll." + key, JSON.stringify(value)); } catch { /* not kept */ } },
  };
  const chosen = {
    x: memory.get("x", "step"), smooth: memory.get("smooth", 0), log: memory.get("log", false),
    hidden: new Set(memory.get("hidden", [])), window: null,
  };
  const darkMedia = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => document.documentElement.dataset.theme === "dark";
  function applyTheme() {
    const theme = memory.get("theme", "auto");
    document.documentElement.dataset.theme = theme === "auto" ? (darkMedia.matches ? "dark" : "light") : theme;
  }
  applyTheme();

  // ---- Colours ----

  const palette = data.palette;
  const colour = (k) => palette[k % palette.length][isDark() ? 1 : 0];
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const dashes = [null, [7, 4], [2, 3], [9, 3, 2, 3]];
  /** A stroke as in the chart, for its legend. */
  function key(k, dash, width = 2.4) {
    const line = svg("line", { x1: 0, x2: 20, y1: 4, y2: 4, "stroke-width": width });
    if (dash) line.setAttribute("stroke-dasharray", dash.join(" "));
    const picture = svg("svg", { class: "key", viewBox: "0 0 20 8", width: 20, height: 8, "aria-hidden": "true" }, line);
    repaint.push(() => line.setAttribute("stroke", colour(k)));
    repaint[repaint.length - 1]();
    return picture;
  }
  const repaint = [];

  // ---- Curves ----

  function interpolate(xs, ys, x) {
    if (!xs.length) return x;
    let low = 0, high = xs.length - 1;
    if (x <= xs[0]) return xs[0] > 0 ? (ys[0] * x) / xs[0] : ys[0];
    if (x >= xs[high]) return ys[high];
    while (high - low > 1) { const middle = (low + high) >> 1; if (xs[middle] <= x) low = middle; else high = middle; }
    const part = (x - xs[low]) / (xs[high] - xs[low]);
    return ys[low] + part * (ys[high] - ys[low]);
  }
  const place = (run, step) =>
    chosen.x === "step" ? step : interpolate(run.clock.s, chosen.x === "epoch" ? run.clock.e : run.clock.t, step);
  /** An exponential mean without the bias of its beginning. */
  function smoothed(values, weight) {
    let sum = 0, all = 0;
    return values.map((v) => {
      if (!isNumber(v)) return v;
      sum = weight * sum + (1 - weight) * v;
      all = weight * all + (1 - weight);
      return sum / all;
    });
  }

  class Chart {
    /** lines: {run, curve, name, colour, dash, smooth, points} each. */
    constructor(title, lines, options = {}) {
      Object.assign(this, { title, lines, options });
      this.at = el("span.at", { "aria-live": "polite" });
      this.values = lines.map(() => el("b"));
      this.keys = lines.map((line, k) => el("span", {}, key(line.colour, line.dash), line.name, this.values[k]));
      this.plot = el("div.plot", { tabindex: 0, role: "img", "aria-label": `Chart: ${title}. Arrow keys move, plus and minus zoom, 0 shows all.` });
      this.root = el(options.full ? "figure.chart.full" : "figure.chart", {},
        el("figcaption", {}, el("b", {}, title), this.at, el("div.keys", {}, this.keys)), this.plot);
      this.plot.addEventListener("keydown", (event) => this.press(event));
    }
    visible() { return this.lines.map((line) => !line.run || !chosen.hidden.has(runs.indexOf(line.run))); }
    /** The rows that dygraphs takes: one for each x of any line, with gaps where a line has no point. */
    rows() {
      const rows = new Map(), columns = [];
      const weight = chosen.smooth;
      for (const line of this.lines) {
        const c = line.curve, at = (s) => (line.run ? place(line.run, s) : s);
        if (line.smooth && weight > 0) {
          columns.push({ xs: c.s.map(at), ys: c.v, pale: true, line });
          const [s, v] = c.ms ? [c.ms, c.mv] : [c.s, c.v];
          columns.push({ xs: s.map(at), ys: smoothed(v, weight), line });
        } else {
          columns.push({ xs: c.s.map(at), ys: c.v, line });
        }
      }
      columns.forEach((column, k) => column.xs.forEach((x, j) => {
        if (!rows.has(x)) rows.set(x, new Array(columns.length + 1).fill(null));
        const row = rows.get(x), y = column.ys[j];
        row[0] = x;
        row[k + 1] = y === null ? NaN : y;
      }));
      this.columns = columns;
      return [...rows.values()].sort((a, b) => a[0] - b[0]);
    }
    settings() {
      const series = {}, visible = this.visible(), shown = [];
      const names = this.columns.map((column, k) => {
        const name = "y" + k, { line } = column;
        const points = line.points && column.xs.length <= 60;
        series[name] = {
          color: colour(line.colour), strokeWidth: column.pale ? 1 : line.width || 1.8, strokePattern: column.pale ? null : line.dash || null,
          drawPoints: points, pointSize: 2.5,
        };
        if (column.pale || line.quiet) series[name].color = mixed(colour(line.colour), css("--card"), 0.3);
        shown.push(visible[this.lines.indexOf(line)]);
        return name;
      });
      return {
        labels: ["x", ...names], series, visibility: shown, logscale: this.log(),
        axisLineColor: css("--line"), gridLineColor: css("--grid"),
      };
    }
    log() {
      if (!(this.options.log === true || (this.options.log === "choice" && chosen.log))) return false;
      return this.lines.some((line) => line.curve.v.some((v) => v > 0));
    }
    draw() {
      const rows = this.rows();
      this.keys.forEach((k, j) => k.classList.toggle("off", !this.visible()[j]));
      if (!rows.length) return;
      const chart = this;
      const range = () => { const [a, b] = chart.graph ? chart.graph.xAxisRange() : [rows[0][0], rows[rows.length - 1][0]]; return b - a; };
      this.graph = new Dygraph(this.plot, rows, {
        ...this.settings(), legend: "never", connectSeparatedPoints: true, animatedZooms: false, xRangePad: 4, yRangePad: 6,
        rightGap: 8, highlightCircleSize: 3.5, includeZero: !!this.options.zero && !this.log(), axisLabelFontSize: 12,
        labelsKMB: false, drawHighlightPointCallback: Dygraph.Circles.DEFAULT,
        interactionModel: mouseOnly(),
        axes: {
          x: { drawGrid: false, pixelsPerLabel: 80, axisLabelFormatter: (x) => (this.options.lag ? String(Math.round(x * 100) / 100) : chosen.x === "time" ? clockTick(x, range()) : tick(x)) },
          y: { axisLabelWidth: 52, pixelsPerLabel: 34, axisLabelFormatter: (y) => (this.options.share ? +(100 * y).toPrecision(4) + " %" : tick(y)) },
        },
        highlightCallback: (event, x) => this.tell(x),
        unhighlightCallback: () => this.tell(null),
        zoomCallback: (low, high) => { if (!this.options.lag) zoomAll(this, this.graph.isZoomed("x") ? [low, high] : null); },
        drawCallback: (graph) => { this.plot.dataset.range = graph.xAxisRange().join(" "); },
        underlayCallback: (canvas, area, graph) => this.underlay(canvas, area, graph),
        ...(chosen.window && !this.options.lag ? { dateWindow: chosen.window } : {}),
      });
      this.plot.dataset.points = rows.length;
      this.tell(null);
    }
    update(how = {}) {
      if (!this.graph) return;
      const fresh = how.data ? { file: this.rows() } : {};
      this.graph.updateOptions({ ...this.settings(), includeZero: !!this.options.zero && !this.log(), ...fresh, ...(how.options || {}) });
      this.keys.forEach((k, j) => k.classList.toggle("off", !this.visible()[j]));
      this.plot.dataset.points = this.graph.numRows();
      this.tell(null);
    }
    underlay(canvas, area, graph) {
      if (!this.options.mark) return;
      const x = graph.toDomXCoord(place(runs[0], this.options.mark));
      if (x < area.x || x > area.x + area.w) return;
      canvas.save();
      canvas.strokeStyle = css("--faint");
      canvas.setLineDash([2, 4]);
      canvas.beginPath();
      canvas.moveTo(x, area.y);
      canvas.lineTo(x, area.y + area.h);
      canvas.stroke();
      canvas.fillStyle = css("--soft");
      canvas.font = "12px system-ui, sans-serif";
      const right = x > area.x + area.w - 50;
      canvas.textAlign = right ? "right" : "left";
      canvas.fillText("best", x + (right ? -5 : 5), area.y + 12);
      canvas.restore();
    }
    /** The values at x, or the last ones. */
    tell(x) {
      const write = (x) => this.options.lag ? `lag ${x}` : chosen.x === "step" ? `step ${grouped(x)}` : chosen.x === "epoch" ? `epoch ${x.toFixed(2)}` : duration(x);
      this.at.textContent = x === null ? "" : write(x);
      this.lines.forEach((line, k) => {
        const column = [...this.columns].reverse().find((c) => c.line === line);
        let value = null;
        if (x === null) {
          if (this.options.lag) { this.values[k].textContent = ""; return; }
          for (let j = column.ys.length - 1; j >= 0 && value === null; --j) if (isNumber(column.ys[j])) value = column.ys[j];
        } else {
          let low = 0, high = column.xs.length;
          while (low < high) { const middle = (low + high) >> 1; if (column.xs[middle] < x) low = middle + 1; else high = middle; }
          if (low > 0 && (low === column.xs.length || x - column.xs[low - 1] < column.xs[low] - x)) --low;
          value = column.ys[low];
        }
        this.values[k].textContent = this.options.share ? percent(value) : short(value);
      });
    }
    press(event) {
      if (!this.graph || event.ctrlKey || event.metaKey || event.altKey) return;
      const act = { ArrowLeft: () => pan(this, -0.2), ArrowRight: () => pan(this, 0.2), "+": () => zoom(this, 0.5), "=": () => zoom(this, 0.5), "-": () => zoom(this, 2), 0: () => reset(this), Escape: () => reset(this), Home: () => reset(this) }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    }
  }

  /** Dragging zooms, a double click shows all; a finger scrolls the page. */
  function mouseOnly() {
    const { touchstart, touchmove, touchend, ...rest } = Dygraph.defaultInteractionModel;
    return rest;
  }
  function mixed(a, b, share) {
    const parts = (c) => [1, 3, 5].map((k) => parseInt(c.slice(k, k + 2), 16));
    const [p, q] = [parts(a), parts(b)];
    return "#" + p.map((v, k) => Math.round(share * v + (1 - share) * q[k]).toString(16).padStart(2, "0")).join("");
  }
  // Its own legend would be markup with styles of its own, which the page's policy forbids.
  Dygraph.PLUGINS = Dygraph.PLUGINS.filter((plugin) => plugin !== Dygraph.Plugins.Legend);
  const charts = [], lagCharts = [];
  function zoomAll(from, window) {
    chosen.window = window;
    for (const chart of charts) if (chart !== from && chart.graph) chart.graph.updateOptions({ dateWindow: window });
  }
  function extremes(chart) {
    return chart.graph.xAxisExtremes();
  }
  function setWindow(chart, low, high) {
    const [first, last] = extremes(chart);
    if (low <= first && high >= last) return reset(chart);
    const width = Math.min(high - low, last - first);
    if (low < first) [low, high] = [first, first + width];
    if (high > last) [low, high] = [last - width, last];
    chart.graph.updateOptions({ dateWindow: [low, high] });
    if (!chart.options.lag) zoomAll(chart, [low, high]);
  }
  function pan(chart, part) { const [a, b] = chart.graph.xAxisRange(); setWindow(chart, a + part * (b - a), b + part * (b - a)); }
  function zoom(chart, factor) {
    const [a, b] = chart.graph.xAxisRange(), middle = (a + b) / 2, half = ((b - a) / 2) * factor;
    setWindow(chart, middle - half, middle + half);
  }
  function reset(chart) {
    chart.graph.updateOptions({ dateWindow: null });
    if (!chart.options.lag) zoomAll(chart, null);
  }

  const curveOf = (run, name) => run.curves.find((c) => c.key === name);
  const usual = ["loss", "train_loss", "valid_loss", "learning_rate", "gradient_norm", "gradient_norm_max", "clipped", "skipped"];
  /** Lines for some keys: with one run a colour for each key, with several one for each run and dashes for keys. */
  function linesOf(keys, options = {}) {
    const lines = [];
    runs.forEach((run, r) => {
      let k = 0;
      for (const name of keys) {
        const curve = curveOf(run, name);
        if (!curve) continue;
        const nameOf = called(name);
        lines.push({
          run, curve, name: several ? (keys.length > 1 ? `${run.name}, ${nameOf}` : run.name) : nameOf,
          colour: several ? r : k, dash: several ? dashes[keys.indexOf(name) % dashes.length] : null,
          smooth: options.smooth !== false && (curve.n > 100 || !!curve.ms), points: name !== "loss" && curve.n <= 60, width: options.quiet === name ? 1 : undefined, quiet: options.quiet === name,
        });
        ++k;
      }
    });
    return lines;
  }
  function makeCharts() {
    const has = (name) => runs.some((run) => curveOf(run, name));
    const add = (title, keys, options) => {
      const lines = linesOf(keys, options);
      if (lines.length) charts.push(new Chart(title, lines, options));
    };
    const losses = [has("loss") ? "loss" : "train_loss", "valid_loss"];
    add("Loss", several && runs.length > 4 ? ["valid_loss"].filter(has).concat(has("valid_loss") ? [] : losses) : losses,
      { full: true, log: "choice", mark: !several && runs[0].best && has("valid_loss") ? runs[0].best.step : 0 });
    if (several && runs.length > 4 && has("valid_loss")) add("Training loss", [losses[0]], { full: true, log: "choice" });
    const known = new Set(usual), speeds = new Set(), others = [];
    for (const run of runs) for (const c of run.curves) {
      if (known.has(c.key)) continue;
      known.add(c.key);
      if (c.key.endsWith("_per_second")) speeds.add(c.key); else others.push(c.key);
    }
    for (const name of others) add(capital(called(name)), [name], { smooth: false, share: shares.has(name), log: shares.has(name) ? false : "choice" });
    add("Learning rate", ["learning_rate"], { smooth: false, zero: true });
    add("Gradient norm", several ? ["gradient_norm"] : ["gradient_norm_max", "gradient_norm"], { log: "choice", quiet: "gradient_norm_max" });
    add("Share of clipped steps", ["clipped"], { share: true, zero: true });
    if (has("skipped")) add("Steps left out for a bad gradient", ["skipped"], { zero: true, smooth: false });
    for (const name of speeds) add("Speed, " + called(name), [name], { zero: true });
  }

  // ---- Sections ----

  const page = document.getElementById("page");
  const sections = [];
  function section(id, title, ...content) {
    const part = el("section", { id, "aria-labelledby": id + "-title" }, el("h2", { id: id + "-title" }, title), ...content);
    sections.push([id, title, part]);
  }
  const lastOf = (run, name) => { const c = curveOf(run, name); if (!c) return undefined; for (let k = c.v.length - 1; k >= 0; --k) if (isNumber(c.v[k])) return c.v[k]; };
  const secondsOf = (run) => (run.clock.t.length ? run.clock.t[run.clock.t.length - 1] : undefined);
  const totalOf = (run) => (isNumber(run.epochs) && isNumber(run.steps_per_epoch) ? run.epochs * run.steps_per_epoch : undefined);
  const speedOf = (run) => { const c = run.curves.find((c) => c.key.endsWith("_per_second")); if (!c) return null; const v = c.v.filter(isNumber).sort((a, b) => a - b); return v.length ? [v[v.length >> 1], c.key.replace(/_per_second$/, "")] : null; };
  const programOf = (run) => run.about.program || "";
  const figuresOf = (run) => (run.best || run.last || { figures: {} }).figures;
  const clockKeys = new Set(["epoch", "seconds", "stalled", "train_loss", "learning_rate", "evaluation_seconds"]);
  const figureKeys = (run) => Object.keys(figuresOf(run)).filter((k) => !clockKeys.has(k));

  function head() {
    const run = runs[0], parts = [];
    if (!several) {
      if (programOf(run)) parts.push(programOf(run));
      if (run.about.started) parts.push("started " + run.about.started.replace("T", " ").replace("Z", " UTC"));
      parts.push(run.folder);
    } else parts.push(runs.map((r) => r.name).join(" · "));
    const choice = el("select", { "aria-label": "Colours of the page", onchange: (e) => { memory.set("theme", e.target.value); changeTheme(); } },
      ["auto", "light", "dark"].map((t) => el("option", { value: t, selected: memory.get("theme", "auto") === t }, { auto: "as the system", light: "light", dark: "dark" }[t])));
    page.append(el("header", {}, el("div", {}, el("h1", {}, data.title), el("p.sub", {}, parts.join(" · "))),
      el("label.theme.small.soft", {}, "Colours ", choice)));
  }
  function notices() {
    const notes = runs.flatMap((run) => run.notes.map((note) => (several ? `${run.name}: ${note}` : note)));
    if (!notes.length) return;
    const list = el("ul", {}, notes.slice(0, 12).map((note) => el("li", {}, note)), notes.length > 12 ? el("li", {}, `and ${notes.length - 12} more`) : null);
    page.append(el("div.notice", { role: "note" }, "Read with care:", list));
  }
  const fact = (name, value, more) => el("div", {}, el("dt", {}, name), el("dd", {}, value), more ? el("dd", {}, more) : null);
  function overviewOfOne(run) {
    const facts = [], figures = figuresOf(run);
    const total = totalOf(run), done = total ? run.step / total : undefined;
    for (const name of figureKeys(run).slice(0, 4))
      facts.push(fact(capital(called(name)), figure(name, figures[name]), run.best ? `best, at step ${grouped(run.best.step)}` : `at step ${grouped(run.last.step)}`));
    if (!facts.length && isNumber(lastOf(run, "loss"))) facts.push(fact("Training loss", short(lastOf(run, "loss")), "without validation"));
    facts.push(fact("Steps", grouped(run.step), total ? (done >= 1 ? "complete" : `${percent(done, 0)} of ${grouped(total)}`) : ""));
    facts.push(fact("Time in training", duration(secondsOf(run)), run.about.threads ? `${run.about.threads} ${run.about.threads === 1 ? "thread" : "threads"}` : ""));
    const speed = speedOf(run);
    if (speed) facts.push(fact("Speed", grouped(speed[0]), `${speed[1]} per second`));
    if (isNumber(run.parameters)) facts.push(fact("Parameters", grouped(run.parameters), ""));
    return el("dl.facts", {}, facts);
  }
  function overviewOfSeveral() {
    const names = [...new Set(runs.flatMap(figureKeys))].slice(0, 8);
    const smallest = (name) => !(shares.has(name) || name === "bleu");
    const winner = (name) => {
      const values = runs.map((run) => figuresOf(run)[name]).filter(isNumber);
      return values.length > 1 ? (smallest(name) ? Math.min(...values) : Math.max(...values)) : NaN;
    };
    const winners = names.map(winner);
    const rows = runs.map((run, r) => {
      const box = el("input", { type: "checkbox", checked: !chosen.hidden.has(r), "aria-label": `Show ${run.name} in the charts`, onchange: (e) => { if (e.target.checked) chosen.hidden.delete(r); else chosen.hidden.add(r); memory.set("hidden", [...chosen.hidden]); charts.forEach((c) => c.update()); } });
      const total = totalOf(run), speed = speedOf(run), f = figuresOf(run);
      return el("tr", {}, el("th.wide", { scope: "row" }, el("label", {}, box, " ", key(r, null), " ", run.name)),
        names.map((name, k) => el(f[name] === winners[k] ? "td.n.win" : "td.n", {}, figure(name, f[name]))),
        el("td.n", {}, run.best ? grouped(run.best.step) : "–"), el("td.n", {}, grouped(run.step) + (total && run.step < total ? ` (${percent(run.step / total, 0)})` : "")),
        el("td.n", {}, duration(secondsOf(run))), el("td.n", {}, speed ? grouped(speed[0]) : "–"), el("td.n", {}, isNumber(run.parameters) ? grouped(run.parameters) : "–"));
    });
    return el("div", {}, el("p.soft.small", {}, "At each run's best evaluation. The best number of a column stands out; a box shows or hides a run in the charts."), el("div.scroll.runs", { tabindex: 0, role: "region", "aria-label": "Table of runs" }, el("table", {},
      el("thead", {}, el("tr", {}, el("th", {}, "run"), names.map((n) => el("th.n", {}, called(n))), ["best at step", "steps", "time", "per second", "parameters"].map((t) => el("th.n", {}, t)))),
      el("tbody", {}, rows))));
  }
  function timeBar() {
    const kinds = ["data_seconds", "forward_seconds", "backward_seconds", "update_seconds", "other", "evaluation_seconds"];
    const names = { data_seconds: "data", forward_seconds: "forward", backward_seconds: "backward", update_seconds: "update", other: "the rest of the loop", evaluation_seconds: "evaluations" };
    const rows = [];
    for (const run of runs) {
      const spent = { ...run.spent };
      if (!kinds.some((k) => isNumber(spent[k]))) continue;
      const parts = ["data_seconds", "forward_seconds", "backward_seconds", "update_seconds"].reduce((s, k) => s + (spent[k] || 0), 0);
      if (parts > 0 && isNumber(secondsOf(run))) spent.other = Math.max(0, secondsOf(run) - parts);
      const all = kinds.reduce((s, k) => s + (spent[k] || 0), 0);
      if (!(all > 0)) continue;
      const bar = el("div.bar.big", { role: "img", "aria-label": kinds.filter((k) => spent[k]).map((k) => `${names[k]} ${percent(spent[k] / all)}`).join(", ") });
      const keys = el("div.keys.small", {});
      kinds.forEach((k, j) => {
        if (!(spent[k] > 0)) return;
        const part = el("i", { title: `${names[k]}: ${duration(spent[k])}` });
        part.style.width = (100 * spent[k]) / all + "%";
        repaint.push(() => { part.style.background = colour(j); });
        repaint[repaint.length - 1]();
        bar.append(part);
        keys.append(el("span", {}, key(j, null, 7), names[k], el("b", {}, percent(spent[k] / all, spent[k] / all < 0.01 ? 1 : 0))));
      });
      rows.push(el("div", {}, several ? el("h3", {}, run.name) : null, bar, keys));
    }
    if (rows.length) section("time", "Where the time went", el("div.stack", {}, rows));
  }
  function curves() {
    makeCharts();
    if (!charts.length) return section("curves", "Curves", el("p.empty", {}, "The log has no numbers yet."));
    const hasClock = (k) => runs.every((run) => run.clock[k].some((v) => v > 0));
    const options = [["step", "step"]].concat(hasClock("e") ? [["epoch", "epoch"]] : [], hasClock("t") ? [["time", "time"]] : []);
    if (!options.some(([k]) => k === chosen.x)) chosen.x = "step";
    const choice = el("span.choice", { role: "radiogroup", "aria-label": "The horizontal axis" }, options.map(([value, name]) =>
      el("label", {}, el("input", { type: "radio", name: "x", value, checked: value === chosen.x, onchange: () => { chosen.x = value; chosen.window = null; memory.set("x", value); charts.forEach((c) => c.update({ data: true, options: { dateWindow: null } })); } }), name)));
    const output = el("output", {}, String(chosen.smooth));
    const smooth = el("input", { type: "range", min: 0, max: 0.99, step: 0.01, value: chosen.smooth, id: "smooth", oninput: (e) => { chosen.smooth = +e.target.value; output.textContent = chosen.smooth.toFixed(2); memory.set("smooth", chosen.smooth); charts.forEach((c) => c.update({ data: true })); } });
    const log = el("input", { type: "checkbox", checked: chosen.log, onchange: (e) => { chosen.log = e.target.checked; memory.set("log", chosen.log); charts.forEach((c) => c.update()); } });
    const first = () => charts.find((c) => c.graph);
    const canSmooth = charts.some((c) => c.lines.some((l) => l.smooth));
    section("curves", "Curves", el("div.tools", {}, el("span", {}, "by ", choice),
      canSmooth ? el("label", {}, "smoothing", smooth, output) : null, el("label", {}, log, "logarithmic"),
      el("span.group", {}, el("button", { type: "button", "aria-label": "Zoom in", title: "Zoom in", onclick: () => zoom(first(), 0.5) }, "+"),
        el("button", { type: "button", "aria-label": "Zoom out", title: "Zoom out", onclick: () => zoom(first(), 2) }, "−"),
        el("button", { type: "button", onclick: () => reset(first()) }, "All")),
      el("span.hint.small", {}, "Drag to zoom; double-click shows all. In a chart: ", el("kbd", {}, "←"), " ", el("kbd", {}, "→"), " ", el("kbd", {}, "+"), " ", el("kbd", {}, "−"), " ", el("kbd", {}, "0"))),
      el("div.charts", {}, charts.map((c) => c.root)));
  }

  function samples() {
    const boxes = runs.filter((run) => run.samples.length).map((run) => {
      const list = run.samples, title = el("b"), info = el("span.soft"), tag = el("span.tag", {}, "best so far"), text = el("pre", { tabindex: 0, dir: "auto" });
      const slide = el("input", { type: "range", min: 0, max: list.length - 1, step: 1, value: list.length - 1, "aria-label": "Which sample" });
      const show = (k) => {
        const s = list[k];
        slide.value = k;
        slide.setAttribute("aria-valuetext", `step ${s.step}`);
        title.textContent = `step ${grouped(s.step)}`;
        info.textContent = isNumber(s.loss) ? `validation loss ${short(s.loss)}` : "";
        tag.hidden = !s.best;
        text.replaceChildren();
        write(text, s.text.replace(/^ {0,2}\| ?/gm, ""));
        if (s.note) text.append(el("span.soft", {}, "\n\n" + s.note));
        back.disabled = k === 0;
        on.disabled = k === list.length - 1;
      };
      const back = el("button", { type: "button", "aria-label": "Earlier sample", onclick: () => show(+slide.value - 1) }, "←");
      const on = el("button", { type: "button", "aria-label": "Later sample", onclick: () => show(+slide.value + 1) }, "→");
      slide.addEventListener("input", () => show(+slide.value));
      show(list.length - 1);
      return el("div", {}, several ? el("h3", {}, run.name) : null, el("div.sample", {}, el("div", {}, title, info, tag, list.length > 1 ? [slide, el("span.group", {}, back, on)] : null), text));
    });
    if (boxes.length) section("samples", "Samples as training went on", el("div.samples", {}, boxes));
  }

  const region = (name, content, kind = "div.scroll") => el(kind, { tabindex: 0, role: "region", "aria-label": name }, content);
  function shade(cell, share) {
    cell.classList.add("cell");
    cell.style.setProperty("--share", (0.06 + 0.94 * share).toFixed(3));
    if (share > 0.55) cell.classList.add("strong");
  }
  function matrix(m) {
    const n = m.names.length, table = el("table.matrix", {});
    table.append(el("thead", {}, el("tr", {}, el("th", {}), m.names.map((name) => el("th", { scope: "col" }, el("span", {}, name))))));
    const body = el("tbody", {});
    for (let a = 0; a < n; ++a) {
      const row = m.counts.slice(a * n, a * n + n), sum = row.reduce((s, v) => s + v, 0);
      body.append(el("tr", {}, el("th", { scope: "row", title: m.names[a] }, m.names[a]), row.map((v, p) => {
        const cell = el("td", { title: `${m.names[a]} taken for ${m.names[p]}: ${grouped(v)} of ${grouped(sum)}` }, v ? grouped(v) : "·");
        if (v) shade(cell, v / sum); else cell.classList.add("zero");
        return cell;
      })));
    }
    table.append(body);
    return region("Confusion matrix", table);
  }
  function classTable(c) {
    const rows = c.classes.map(([name, actual, predicted, right]) => {
      const precision = predicted ? right / predicted : NaN, recall = actual ? right / actual : NaN;
      const f1 = actual + predicted ? (2 * right) / (actual + predicted) : NaN;
      const bar = el("div.bar", { "aria-hidden": "true" }), part = el("i");
      part.style.width = (isNumber(f1) ? 100 * f1 : 0) + "%";
      repaint.push(() => { part.style.background = colour(0); });
      repaint[repaint.length - 1]();
      bar.append(part);
      return el("tr", {}, el("th.wide", { scope: "row" }, name), el("td.n", {}, percent(precision)), el("td.n", {}, percent(recall)), el("td.n", {}, percent(f1)), el("td", {}, bar), el("td.n", {}, grouped(actual)));
    });
    return region("Table of classes", el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "class"), el("th.n", {}, "precision"), el("th.n", {}, "recall"), el("th.n", {}, "F1"), el("th", {}), el("th.n", {}, "examples"))), el("tbody", {}, rows)));
  }
  const withDetails = () => runs.filter((run) => run.details);
  const nameIfSeveral = (run) => (several ? el("h3", {}, run.name) : null);
  function onText(run) {
    return el("p.soft.small", {}, `The model of step ${grouped(run.details.step)}` + (run.details.on ? `, on ${run.details.on}` : ""));
  }
  function results() {
    const parts = withDetails().filter((run) => run.details.figures.length || run.details.confusions.length).map((run) => {
      const d = run.details;
      return el("div.stack", {}, nameIfSeveral(run), onText(run),
        d.figures.length ? el("dl.facts", {}, d.figures.map(([n, v]) => fact(capital(n), v))) : null,
        d.confusions.map((c) => el("div.stack", {}, c.title ? el("h3", {}, capital(c.title)) : null,
          el("p.soft.small", {}, "Rows are the true classes, columns what they were taken for; the stronger the colour, the larger the share of the row."),
          el("div.beside", {}, matrix(c.matrix),
          c.mistakes.length ? region("Most frequent mistakes", el("table", {}, el("caption", {}, "The most frequent mistakes"), el("thead", {}, el("tr", {}, el("th", {}, "is"), el("th", {}, "was taken for"), el("th.n", {}, "times"))),
            el("tbody", {}, c.mistakes.map(([a, p, n]) => el("tr", {}, el("td.wide", {}, a), el("td.wide", {}, p), el("td.n", {}, grouped(n)))))), "div.scroll.mistakes") : null),
          classTable(c))));
    });
    if (parts.length) section("results", "Results by class", el("div.stack", {}, parts));
  }
  function alignments() {
    const parts = withDetails().filter((run) => run.details.alignments.length).map((run) => el("div.stack", {}, nameIfSeveral(run),
      el("div.samples", {}, run.details.alignments.map((a) => {
        const table = el("table.matrix.alignment", {}, el("thead", {}, el("tr", {}, el("th", {}), a.source.map((w) => el("th", { scope: "col" }, el("span", {}, w))))));
        table.append(el("tbody", {}, a.target.map((w, t) => el("tr", {}, el("th", { scope: "row" }, w), a.source.map((s, k) => {
          const v = a.weights[t * a.source.length + k] || 0, cell = el("td", { title: `${w} ← ${s}: ${v.toFixed(3)}` });
          if (v > 0.005) shade(cell, Math.min(1, v));
          return cell;
        })))));
        return region("Alignment", table);
      }))));
    if (parts.length) section("attention", "What the decoder attended to",
      el("p.soft.small", {}, "A column for each word of the source, a row for each word that was written; the stronger the colour, the larger the weight."), el("div.stack", {}, parts));
  }
  function insides() {
    const withGates = withDetails().filter((run) => run.details.gates.length || run.details.gradients.length);
    if (!withGates.length) return;
    const parts = withGates.map((run) => {
      const d = run.details, content = [];
      if (d.gates.length) content.push(region("Gate saturation", el("table", {}, el("caption", {}, "How often each gate is shut or open: within 5 % of an end"),
        el("thead", {}, el("tr", {}, el("th", {}, "layer"), el("th", {}, "gate"), el("th.n", {}, "low end"), el("th.n", {}, "high end"), el("th", {}))),
        el("tbody", {}, d.gates.map(([layer, name, fn, low, high]) => {
          const bar = el("div.bar", { role: "img", "aria-label": `${percent(low, 0)} low, ${percent(high, 0)} high` });
          [[low, 1], [1 - low - high, -1], [high, 0]].forEach(([share, k]) => {
            const part = el("i");
            part.style.width = 100 * Math.max(0, share) + "%";
            if (k >= 0) { repaint.push(() => { part.style.background = colour(k); }); repaint[repaint.length - 1](); }
            bar.append(part);
          });
          return el("tr", {}, el("td", {}, layer), el("td", {}, el("b", {}, name), " ", el("span.soft.small", {}, fn)), el("td.n", {}, percent(low)), el("td.n", {}, percent(high)), el("td", {}, bar));
        })))));
      if (d.gradients.length) {
        const chart = new Chart("Gradient norm by lag", d.gradients.map((g, k) => ({
          curve: { s: g.norms.map((_, j) => j), v: g.norms, n: g.norms.length }, name: `${g.layer}, ${g.member}`, colour: k, dash: dashes[Math.floor(k / palette.length) % dashes.length],
        })), { lag: true, log: true });
        lagCharts.push(chart);
        content.push(el("div", {}, chart.root, el("p.soft.small", {}, "How much the loss of the last step depends on the state so many steps before.")));
      }
      return el("div.stack", {}, nameIfSeveral(run), content.length > 1 ? el("div.split", {}, content) : content);
    });
    section("inside", "Inside the network", el("div.stack", {}, parts));
  }
  function options() {
    const names = [...new Set(runs.flatMap((run) => run.options.map(([n]) => n)))];
    if (!names.length) return;
    const values = names.map((n) => runs.map((run) => { const o = run.options.find(([m]) => m === n); return o ? o[1] : "–"; }));
    const differs = values.map((row) => row.some((v) => v !== row[0]));
    const order = names.map((_, k) => k).sort((a, b) => differs[b] - differs[a] || a - b);
    const rows = order.map((k) => el(several ? (differs[k] ? "tr.differs" : "tr.same") : "tr", {}, el("th", { scope: "row" }, names[k]), values[k].map((v) => el("td.wide", {}, v === "" ? "(none)" : v))));
    const table = region("Options", el("table", {}, several ? el("thead", {}, el("tr", {}, el("th", {}, "option"), runs.map((run) => el("th.wide", {}, run.name)))) : null, el("tbody", {}, rows)));
    if (!several) return section("options", "Options", table);
    const count = differs.filter(Boolean).length;
    const hide = (on) => rows.forEach((row) => { if (row.classList.contains("same")) row.hidden = on; });
    hide(count > 0);
    section("options", "Options", el("div.tools", {}, `${count} of ${names.length} differ`, el("label", {}, el("input", { type: "checkbox", checked: count === 0, onchange: (e) => hide(!e.target.checked) }), "show those that are the same")), table);
  }
  function network() {
    const parts = runs.filter((run) => run.about.model).map((run) => el("div", {}, nameIfSeveral(run), el("pre.block", { tabindex: 0 }, run.about.model)));
    if (parts.length) section("network", "Network", el("div.stack", {}, parts));
  }
  const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : "'" + word.replace(/'/g, "'\\''") + "'");
  function machine() {
    const parts = runs.filter((run) => run.about.command || run.about.processor).map((run) => {
      const command = (run.about.command || []).map(quoted).join(" ");
      const copy = el("button", { type: "button", onclick: () => { if (navigator.clipboard) navigator.clipboard.writeText(command).then(() => { copy.textContent = "Copied"; }, () => {}); } }, "Copy");
      const machineText = [run.about.processor, run.about.threads ? `${run.about.threads} threads` : "", run.about.version ? `unroll ${run.about.version}` : "", run.about.started ? "started " + run.about.started : ""].filter(Boolean).join(" · ");
      return el("div", {}, nameIfSeveral(run), command ? el("div.copy", {}, el("pre.block.wrap", { tabindex: 0 }, command), copy) : null, el("p.soft.small", {}, machineText));
    });
    if (parts.length) section("machine", "Command and machine", el("div.stack", {}, parts));
  }

  // ---- The page ----

  function changeTheme() {
    applyTheme();
    repaint.forEach((paint) => paint());
    for (const chart of charts.concat(lagCharts)) chart.update();
  }
  head();
  notices();
  section("overview", several ? "Runs" : "Overview", several ? overviewOfSeveral() : overviewOfOne(runs[0]));
  curves();
  samples();
  results();
  alignments();
  insides();
  options();
  timeBar();
  network();
  machine();
  const shortNames = { samples: "Samples", results: "Classes", attention: "Attention", inside: "Inside", time: "Time", machine: "Command" };
  const links = sections.map(([id, title]) => el("a", { href: "#" + id }, shortNames[id] || title));
  page.append(el("nav", { "aria-label": "Sections" }, links), ...sections.map(([, , part]) => part));
  page.append(el("footer", {}, `Written ${data.written} by unroll ${data.version}` + (data.refresh ? `; loads itself again every ${data.refresh} s while training goes on` : "") + "."));
  for (const chart of charts.concat(lagCharts)) chart.draw();

  const watch = new IntersectionObserver(() => {
    let current = 0;
    sections.forEach(([, , part], k) => { if (part.getBoundingClientRect().top < 120) current = k; });
    if (window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 4) current = sections.length - 1;
    links.forEach((link, k) => { if (k === current) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current"); });
  }, { threshold: [0, 0.1, 0.5], rootMargin: "-110px 0px 0px 0px" });
  sections.forEach(([, , part]) => watch.observe(part));
  darkMedia.addEventListener("change", changeTheme);
  addEventListener("beforeprint", () => charts.concat(lagCharts).forEach((c) => c.graph && c.graph.resize()));
  if (data.refresh) {
    const top = memory.get("top", null);
    if (top !== null) scrollTo(0, top);
    setTimeout(() => { memory.set("top", scrollY); location.reload(); }, 1000 * data.refresh);
  }
  document.documentElement.dataset.ready = "true";
})();
