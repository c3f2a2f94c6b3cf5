// The session's cookie is sent by our own pages only, so a link from elsewhere arrives without it. Who has a session all
// the same is taken on to where the link led.
(function () {
  "use strict";
  var form = document.getElementById("login");
  if (document.querySelector(".fault")) return;
  fetch("/session", { credentials: "same-origin", cache: "no-store" }).then(function (answer) {
    return answer.text();
  }).then(function (state) {
    if (state === "in") window.location.replace(form.dataset.next);
  });
})();
