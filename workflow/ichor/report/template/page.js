(function () {
  "use strict";
  var root = document.documentElement;
  var theme = document.getElementById("theme");
  if (theme) {
    theme.hidden = false;
    theme.addEventListener("click", function () {
      var dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
    });
  }

  // Filter of the set-aside list: what is typed and chosen must all be found in a row.
  var form = document.getElementById("filters");
  if (form) {
    form.hidden = false;
    var rows = Array.prototype.slice.call(document.querySelectorAll("#set-aside-rows tbody tr"));
    var shown = document.getElementById("shown");
    var filter = function () {
      var words = form.elements.words.value.trim().toLowerCase();
      var chosen = Array.prototype.filter.call(form.querySelectorAll("select"), function (s) { return s.value; });
      var count = 0;
      rows.forEach(function (row) {
        var fits = chosen.every(function (s) { return row.dataset[s.name] === s.value; });
        fits = fits && (!words || row.textContent.toLowerCase().indexOf(words) >= 0);
        row.hidden = !fits;
        count += fits ? 1 : 0;
      });
      shown.textContent = count;
    };
    form.addEventListener("input", filter);
    form.addEventListener("submit", function (event) { event.preventDefault(); });
  }

  // The contents show which section is being read.
  if ("IntersectionObserver" in window) {
    var links = {};
    document.querySelectorAll("nav.toc a").forEach(function (a) { links[a.hash.slice(1)] = a; });
    var seen = new IntersectionObserver(function (entries) {
      entries.forEach(function (entry) {
        if (!entry.isIntersecting || !links[entry.target.id]) { return; }
        Object.keys(links).forEach(function (id) { links[id].removeAttribute("aria-current"); });
        links[entry.target.id].setAttribute("aria-current", "true");
      });
    }, { rootMargin: "-15% 0px -75% 0px" });
    document.querySelectorAll("main > section").forEach(function (s) { seen.observe(s); });
  }
})();
