// Draws a case's evidence: the measured series, shaded where it was bad, excluded or missing, with the thresholds crossed.
(function () {
  "use strict";
  var drawn = null;
  var shown = "";

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }

  function two(n) {
    return (n < 10 ? "0" : "") + n;
  }

  function utc(ms, withDay) {
    var d = new Date(ms);
    var day = d.getUTCFullYear() + "-" + two(d.getUTCMonth() + 1) + "-" + two(d.getUTCDate());
    var time = two(d.getUTCHours()) + ":" + two(d.getUTCMinutes());
    return withDay ? day + " " + time + (d.getUTCSeconds() ? ":" + two(d.getUTCSeconds()) : "") + " UTC" : time;
  }

  function bands(data) {
    return data.bands
      .filter(function (b) { return b.kind !== "not_excluded"; })
      .map(function (b) {
        var tone = b.kind === "bad" ? "chart-bad" : b.kind === "excluded" ? "chart-excluded" : "chart-missing";
        return [{
          xAxis: b.from,
          itemStyle: {
            color: colour(tone),
            borderColor: colour(tone + "-edge"),
            borderWidth: 1,
            borderType: b.kind === "bad" ? "solid" : b.kind === "excluded" ? "dashed" : "dotted"
          }
        }, { xAxis: b.to }];
      });
  }

  // The marks in view, each with the row above the chart that its label stands in: the lowest in which no label is met.
  function placed(data, view, width) {
    var ends = [], perPixel = (view.end - view.start) / Math.max(width - 80, 120);
    return data.marks
      .filter(function (m) { return view.start <= m.at && m.at <= view.end; })
      .sort(function (a, b) { return a.at - b.at; })
      .map(function (m) {
        var text = m.label + " " + utc(m.at), half = (text.length * 3.7 + 5) * perPixel, row = 0;
        while (ends[row] !== undefined && ends[row] > m.at - half) row += 1;
        ends[row] = m.at + half;
        return { at: m.at, kind: m.kind, text: text, row: row };
      });
  }

  function lines(data, marked) {
    var tones = { at_risk: "at-risk", violated: "violated", restored: "met" };
    var marks = marked.map(function (m) {
      return {
        xAxis: m.at,
        lineStyle: { color: colour(tones[m.kind]), width: 2, type: "solid" },
        label: { formatter: m.text, color: colour(tones[m.kind]), position: "end", distance: [0, 4 + 15 * m.row], fontWeight: 600 }
      };
    });
    if (data.threshold) {
      marks.push({
        yAxis: data.threshold.value,
        lineStyle: { color: colour("muted"), width: 1.5, type: "dashed" },
        label: { formatter: data.threshold.label, color: colour("muted"), position: "insideStartTop" }
      });
    }
    return marks;
  }

  function axis(data) {
    var values = data.points.map(function (p) { return p[1]; }).filter(function (v) { return v !== null; });
    if (data.threshold) values.push(data.threshold.value);
    var low = Math.min.apply(null, values), high = Math.max.apply(null, values);
    var room = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
    return { low: low - room, high: high + room };
  }

  // `zoom` is the part in view, in percent; `width` the chart's, in pixels.
  function option(data, zoom, width) {
    var reach = axis(data), length = data.end - data.start;
    var marked = placed(data, { start: data.start + length * zoom.start / 100, end: data.start + length * zoom.end / 100 }, width);
    var rows = marked.reduce(function (most, m) { return Math.max(most, m.row + 1); }, 1);
    var text = colour("text"), muted = colour("muted"), line = colour("line");
    return {
      animation: false,
      backgroundColor: "transparent",
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: text },
      grid: { left: 8, right: 18, top: 34 + 15 * rows, bottom: data.points.length > 240 ? 62 : 26, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      tooltip: {
        trigger: "axis",
        renderMode: "richText",
        backgroundColor: colour("surface"),
        borderColor: line,
        textStyle: { color: text },
        formatter: function (items) {
          var at = items[0].value[0], value = items[0].value[1];
          var inside = data.bands.filter(function (b) { return b.from <= at && at < b.to; });
          return [utc(at, true), data.metric + ": " + (value === null || value === undefined ? "no data" : value + (data.unit ? " " + data.unit : ""))]
            .concat(inside.map(function (b) { return b.label; })).join("\n");
        }
      },
      xAxis: {
        type: "time", min: data.start, max: data.end,
        axisLine: { lineStyle: { color: line } },
        axisLabel: { color: muted, hideOverlap: true, formatter: function (v) {
          var d = new Date(v);
          return d.getUTCHours() === 0 && d.getUTCMinutes() === 0 ? two(d.getUTCMonth() + 1) + "-" + two(d.getUTCDate()) : utc(v);
        } },
        splitLine: { show: false }
      },
      yAxis: {
        type: "value", min: reach.low, max: reach.high, name: data.metric + (data.unit ? " (" + data.unit + ")" : ""),
        nameTextStyle: { color: muted, align: "left", padding: [0, 0, 2 + 15 * rows, 0] },
        axisLabel: { color: muted, showMinLabel: false, showMaxLabel: false, hideOverlap: true }, splitLine: { lineStyle: { color: line } }
      },
      dataZoom: data.points.length > 240 ? [{ type: "slider", start: zoom.start, end: zoom.end, height: 22, bottom: 8, borderColor: line, textStyle: { color: muted }, labelFormatter: function (v) { return utc(v); } }] : [],
      series: [{
        type: "line", data: data.points, step: "end", connectNulls: false,
        showSymbol: data.points.length < 120, symbol: "circle", symbolSize: 4,
        lineStyle: { color: colour("accent"), width: 1.8 }, itemStyle: { color: colour("accent") },
        markArea: { silent: true, data: bands(data) },
        markLine: { silent: true, symbol: "none", data: lines(data, marked) }
      }]
    };
  }

  function draw(force) {
    var holder = document.getElementById("chart"), source = document.getElementById("chart-data");
    if (!holder || !source || !window.echarts) return;
    if (!force && source.textContent === shown && drawn && drawn.getDom() === holder) return;
    shown = source.textContent;
    if (!drawn || drawn.getDom() !== holder) {
      if (drawn) drawn.dispose();
      drawn = window.echarts.init(holder, null, { renderer: "canvas", useUTC: true });
      drawn.on("datazoom", place);
    }
    drawn.setOption(option(JSON.parse(shown), zoomed(), drawn.getWidth()), true);
    holder.dataset.drawn = "true";
  }

  function zoomed() {
    var known = drawn.getOption() && drawn.getOption().dataZoom && drawn.getOption().dataZoom[0];
    return known ? { start: known.start, end: known.end } : { start: 0, end: 100 };
  }

  // Puts the labels of the marks where they belong in another view.
  function place() {
    var wanted = option(JSON.parse(shown), zoomed(), drawn.getWidth());
    drawn.setOption({ grid: wanted.grid, yAxis: wanted.yAxis, series: wanted.series });
  }

  document.addEventListener("DOMContentLoaded", function () { draw(false); });
  document.addEventListener("htmx:after:swap", function () { draw(false); });
  window.addEventListener("resize", function () { if (drawn) { drawn.resize(); place(); } });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () { draw(true); });
})();
