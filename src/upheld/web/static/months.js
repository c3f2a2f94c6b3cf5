// Draws how promises were kept, month by month: bars of percent, in the colours of the page's scheme.
(function () {
  "use strict";
  var drawn = null;

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }

  function draw() {
    var place = document.getElementById("months"), source = document.getElementById("months-data");
    if (!place || !source || !window.echarts) return;
    var data = JSON.parse(source.textContent), text = colour("text"), muted = colour("muted");
    drawn = drawn || echarts.init(place);
    drawn.setOption({
      animation: false,
      grid: { left: 44, right: 12, top: 36, bottom: 28 },
      legend: { top: 0, left: 0, textStyle: { color: text } },
      tooltip: { trigger: "axis", valueFormatter: function (v) { return v === null || v === undefined ? "nothing decided" : v + " %"; } },
      xAxis: { type: "category", data: data.months, axisLabel: { color: muted } },
      yAxis: { type: "value", min: 0, max: 100, axisLabel: { color: muted, formatter: "{value} %" }, splitLine: { lineStyle: { color: colour("line") } } },
      series: data.series.map(function (s) {
        return { name: s.name, type: "bar", data: s.values, barMaxWidth: 28, itemStyle: { color: colour(s.tone) } };
      })
    }, true);
  }

  document.addEventListener("DOMContentLoaded", draw);
  if (document.readyState !== "loading") draw();
  window.addEventListener("resize", function () { if (drawn) drawn.resize(); });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
