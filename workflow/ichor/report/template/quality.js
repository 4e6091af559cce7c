(function () {
  "use strict";
  var root = document.documentElement;
  var theme = document.getElementById("theme");
  theme.hidden = false;
  theme.addEventListener("click", function () {
    var dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  var form = document.getElementById("filters");
  var cards = Array.prototype.slice.call(document.querySelectorAll("#cards > .card"));
  if (!cards.length) { return; }
  var chips = Array.prototype.slice.call(document.querySelectorAll(".chip"));
  var texts = cards.map(function (card) { return card.textContent.toLowerCase(); });
  form.hidden = false;

  function filter() {
    var words = form.elements.words.value.trim().toLowerCase();
    var time = form.elements.time.value;
    var flag = form.elements.flag.value;
    var count = 0;
    cards.forEach(function (card, i) {
      var flags = card.dataset.flags ? card.dataset.flags.split(" ") : [];
      var fits = (!words || texts[i].indexOf(words) >= 0) && (!time || card.dataset.time === time);
      fits = fits && (!flag || (flag === "*" ? flags.length > 0 : flag === "-" ? !flags.length : flags.indexOf(flag) >= 0));
      card.hidden = !fits;
      count += fits ? 1 : 0;
    });
    document.getElementById("shown").textContent = count;
    document.getElementById("none").hidden = count > 0;
    chips.forEach(function (chip) { chip.setAttribute("aria-pressed", String(chip.dataset.flag === flag)); });
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  chips.forEach(function (chip) {
    chip.addEventListener("click", function () {
      form.elements.flag.value = form.elements.flag.value === chip.dataset.flag ? "" : chip.dataset.flag;
      filter();
      document.getElementById("scans").scrollIntoView();
    });
  });
  addEventListener("beforeprint", function () {  // pictures out of view are not loaded yet
    document.querySelectorAll("img[loading=lazy]").forEach(function (image) { image.loading = "eager"; });
  });
})();
