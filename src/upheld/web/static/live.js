// Says when a page that refreshes itself can no longer do so. The next refresh that comes through hides it again.
(function () {
  "use strict";
  function lost(event) {
    var ctx = event.detail && event.detail.ctx;
    var response = ctx && ctx.response;
    if (response && (response.status || (response.raw && response.raw.status)) === 401) return;
    var stale = document.getElementById("stale");
    if (stale) stale.hidden = false;
  }
  document.addEventListener("htmx:error", lost);
  document.addEventListener("htmx:response:error", lost);
})();
