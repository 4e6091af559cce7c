(function () {
  "use strict";
  var data = JSON.parse(document.getElementById("data").textContent);
  var byKey = {};
  data.cases.forEach(function (one, rank) { one.rank = rank; byKey[one.key] = one; });
  var list = document.getElementById("list");
  var items = Array.prototype.slice.call(list.children);
  var form = document.getElementById("filters");
  var message = document.getElementById("message");
  var facts = document.getElementById("facts");
  var shows = { reference: true, brain: true, opacity: 0.45 };
  data.labels.forEach(function (label) { shows[label.key] = true; });
  var state = { chosen: null, drawn: null, window: 0, planes: false, volumes: {} };
  var waiting = {};

  // ---- the list: search, order, filter

  function number(value, digits) { return value === null || value === undefined ? "–" : value.toFixed(digits).replace("-", "−"); }
  function most(value) { return value === null || value === undefined ? -1 : Math.abs(value); }
  var orders = {
    worst: function (one) { return one.rank; },
    patient: function (one) { return one.key; },
    volume: function (one) { return -most(one.volumes.iph); },
    difference: function (one) {
      return -Math.max.apply(null, [-1].concat(Object.keys(one.agreement).map(function (label) { return most(one.agreement[label].difference_ml); })));
    },
    error: function (one) { return -most(one.error_ml); },
    flags: function (one) { return -one.flags.length; }
  };

  function arrange() {
    var words = form.elements.words.value.trim().toLowerCase();
    var flag = form.elements.flag.value;
    var order = orders[form.elements.order.value];
    items.sort(function (a, b) {
      var one = order(byKey[a.dataset.key]), other = order(byKey[b.dataset.key]);
      return one < other ? -1 : one > other ? 1 : byKey[a.dataset.key].rank - byKey[b.dataset.key].rank;
    });
    var count = 0;
    items.forEach(function (item) {
      var own = byKey[item.dataset.key];
      var fits = !words || item.textContent.toLowerCase().indexOf(words) >= 0;
      fits = fits && (!flag || (flag === "*" ? own.flags.length > 0 : flag === "-" ? !own.flags.length : own.flags.indexOf(flag) >= 0));
      item.hidden = !fits;
      count += fits ? 1 : 0;
      list.appendChild(item);
    });
    document.getElementById("count").textContent = count;
  }
  form.addEventListener("input", arrange);
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  list.addEventListener("click", function (event) {
    var item = event.target.closest("li");
    if (item) { choose(item.dataset.key); }
  });

  function step(by) {
    var shown = items.filter(function (item) { return !item.hidden; });
    var at = shown.findIndex(function (item) { return item.dataset.key === state.chosen; });
    var next = shown[Math.min(Math.max(at + by, 0), shown.length - 1)];
    if (next) { choose(next.dataset.key); next.scrollIntoView({ block: "nearest" }); }
  }

  // ---- the scan: a script beside the page hands over its volumes

  window.ichorCase = function (key, volumes) {
    var own = waiting[key];
    delete waiting[key];
    if (own) { own(volumes); }
  };

  function fetchScript(one, done) {
    var tag = document.createElement("script");
    waiting[one.key] = function (volumes) { tag.remove(); done(volumes); };
    tag.onerror = function () { tag.remove(); delete waiting[one.key]; say(one, one.script + " is missing: keep it beside this page."); };
    tag.src = one.script;
    document.head.appendChild(tag);
  }

  function say(one, words) { if (state.chosen === one.key) { message.textContent = words; } }

  var viewer = null;
  function start() {
    if (!window.niivue) { message.textContent = "NiiVue is missing: keep its script beside this page."; return Promise.resolve(); }
    viewer = new window.niivue.Niivue({
      isRadiologicalConvention: true, backColor: [0, 0, 0, 1], crosshairColor: [1, 0.56, 0.37, 0.6], crosshairWidth: 0,
      crosshairWidthUnit: "voxels", isOrientationTextVisible: true, showAllOrientationMarkers: true, fontMinPx: 17, show3Dcrosshair: false, multiplanarShowRender: 0,
      dragAndDropEnabled: false, isColorbar: false, isNearestInterpolation: false, logLevel: "warn",
      sagittalNoseLeft: true, loadingText: ""
    });
    viewer.onLocationChange = where;
    return viewer.attachToCanvas(document.getElementById("canvas")).then(function () { viewer.setSliceType(viewer.sliceTypeAxial); });
  }

  function choose(key) {
    var one = byKey[key];
    if (!one || state.chosen === key) { return; }
    state.chosen = key;
    items.forEach(function (item) { item.setAttribute("aria-current", String(item.dataset.key === key)); });
    tell(one);
    if (!viewer) { return; }
    if (!one.script) { clear(); message.textContent = "No brain was found in this scan, so nothing of it is shown."; return; }
    message.textContent = "Loading " + number(one.mb, 1) + " MB";
    fetchScript(one, function (volumes) {
      if (state.chosen === key) {
        draw(one, volumes).catch(function (error) { say(one, "This scan could not be drawn: " + error.message); throw error; });
      }
    });
  }

  function clear() {
    viewer.volumes.slice().forEach(function (volume) { viewer.removeVolume(volume); });
    state.volumes = {};
    state.drawn = null;
  }

  function lut(colors, last) {  // code -> color, up to the last code of the volume; 0 and others are clear
    var map = { R: [0], G: [0], B: [0], A: [0], I: [0], labels: [""] };
    for (var code = 1; code <= last; code += 1) {
      var color = colors[code];
      map.R.push(color ? parseInt(color.slice(1, 3), 16) : 0);
      map.G.push(color ? parseInt(color.slice(3, 5), 16) : 0);
      map.B.push(color ? parseInt(color.slice(5, 7), 16) : 0);
      map.A.push(color ? 255 : 0);
      map.I.push(code);
      map.labels.push("");
    }
    return map;
  }

  function colors() {
    var mask = {}, all = {};
    data.labels.forEach(function (label) {
      if (shows[label.key]) { mask[label.code] = label.color; }
      all[label.code] = data.colors.reference;
    });
    return { mask: mask, reference: shows.reference ? all : {}, brain: shows.brain ? { 1: data.colors.brain } : {} };
  }

  var names = ["ct", "brain", "mask", "reference"];
  function draw(one, volumes) {
    var window_ = data.windows[state.window];
    var present = names.filter(function (name) { return volumes[name]; });
    return Promise.all(present.map(function (name) {
      return window.niivue.NVImage.loadFromBase64({
        base64: volumes[name], name: name + ".nii.gz", colormap: "gray", opacity: 1,
        cal_min: name === "ct" ? window_.level - window_.width / 2 : 0, cal_max: name === "ct" ? window_.level + window_.width / 2 : 4
      });
    })).then(function (loaded) {
      if (state.chosen !== one.key) { return; }
      clear();
      loaded.forEach(function (volume, i) {
        state.volumes[present[i]] = volume;
        volume.ichorLast = present[i] === "ct" ? 0 : Math.max(1, volume.img.reduce(function (a, b) { return a > b ? a : b; }, 0));
        viewer.addVolume(volume);
      });
      paint();
      look(one, loaded[present.indexOf("mask")] || loaded[present.indexOf("reference")]);
      message.textContent = "";
      state.drawn = one.key;
      document.body.dataset.drawn = one.key;
    });
  }

  function paint() {
    if (!viewer) { return; }
    var looks = colors();
    Object.keys(looks).forEach(function (name) {
      var volume = state.volumes[name];
      if (volume) {
        volume.setColormapLabel(lut(looks[name], volume.ichorLast));
        volume.opacity = name === "mask" ? shows.opacity : name === "brain" ? 0.6 : 1;
      }
    });
    if (viewer.volumes.length) { viewer.updateGLVolume(); }
  }

  function look(one, mask) {  // at the slice with the most of the bleed
    var size = one.pixels, image = mask && mask.img, best = 0, level = Math.floor(size[2] / 2);
    var x = size[0] / 2, y = size[1] / 2, area = size[0] * size[1];
    for (var z = 0; image && z < size[2]; z += 1) {
      var found = 0, sx = 0, sy = 0;
      for (var i = 0; i < area; i += 1) {
        if (image[z * area + i]) { found += 1; sx += i % size[0]; sy += Math.floor(i / size[0]); }
      }
      if (found > best) { best = found; level = z; x = sx / found; y = sy / found; }
    }
    viewer.scene.crosshairPos = [(x + 0.5) / size[0], (y + 0.5) / size[1], (level + 0.5) / size[2]];
    viewer.drawScene();
    where();
  }

  function slice() {
    var one = byKey[state.chosen];
    return Math.min(Math.floor(viewer.scene.crosshairPos[2] * one.pixels[2]), one.pixels[2] - 1);
  }

  function where() {
    var one = byKey[state.chosen];
    if (!one || !one.script || !state.volumes.ct) { return; }
    var at = viewer.scene.crosshairPos, size = one.pixels;
    var voxel = [0, 1, 2].map(function (axis) { return Math.min(Math.floor(at[axis] * size[axis]), size[axis] - 1); });
    var value = state.volumes.ct.img[(voxel[2] * size[1] + voxel[1]) * size[0] + voxel[0]];
    document.getElementById("where").textContent =
      "slice " + (voxel[2] + 1) + " of " + size[2] + ", " + number(value, 0) + " HU";
  }

  function move(by) {
    if (!state.volumes.ct) { return; }
    var one = byKey[state.chosen], at = viewer.scene.crosshairPos;
    var level = Math.min(Math.max(slice() + by, 0), one.pixels[2] - 1);
    viewer.scene.crosshairPos = [at[0], at[1], (level + 0.5) / one.pixels[2]];
    viewer.drawScene();
    where();
  }

  // ---- window and planes

  var windows = Array.prototype.slice.call(document.querySelectorAll("#windows button"));
  function setWindow(at) {
    state.window = at;
    windows.forEach(function (button, i) { button.setAttribute("aria-pressed", String(i === at)); });
    if (viewer && state.volumes.ct) {
      state.volumes.ct.cal_min = data.windows[at].level - data.windows[at].width / 2;
      state.volumes.ct.cal_max = data.windows[at].level + data.windows[at].width / 2;
      viewer.updateGLVolume();
    }
  }
  windows.forEach(function (button, i) { button.addEventListener("click", function () { setWindow(i); }); });
  setWindow(0);
  var planes = document.getElementById("planes");
  function togglePlanes() {
    state.planes = !state.planes;
    planes.setAttribute("aria-pressed", String(state.planes));
    if (!viewer) { return; }
    viewer.opts.crosshairWidth = state.planes ? 0.3 : 0;  // one plane is seen as it is
    viewer.setSliceType(state.planes ? viewer.sliceTypeMultiplanar : viewer.sliceTypeAxial);
  }
  planes.addEventListener("click", togglePlanes);

  // ---- the panel: layers with their volumes, agreement, measures

  function make(tag, words, css) {
    var node = document.createElement(tag);
    if (words !== undefined && words !== null) { node.textContent = words; }
    if (css) { node.className = css; }
    return node;
  }

  function layer(key, name, color, line, words) {
    var row = make("label"), box = make("input"), swatch = make("span", null, line ? "swatch line" : "swatch");
    box.type = "checkbox";
    box.checked = shows[key];
    box.dataset.layer = key;
    box.addEventListener("change", function () { shows[key] = box.checked; paint(); });
    swatch.style.background = color;
    swatch.style.borderColor = color;
    [box, swatch, make("span", name), make("span", words)].forEach(function (node) { row.appendChild(node); });
    return row;
  }

  function table(heads, rows) {
    var node = make("table"), head = make("thead"), line = make("tr");
    heads.forEach(function (words) { var cell = make("th", words); cell.scope = "col"; line.appendChild(cell); });
    if (heads.length) { head.appendChild(line); node.appendChild(head); }
    var body = make("tbody");
    rows.forEach(function (cells) {
      var row = make("tr");
      cells.forEach(function (words, i) {
        var cell = make(i ? "td" : "th", words);
        if (!i) { cell.scope = "row"; if (cells.about) { cell.title = cells.about; } }
        row.appendChild(cell);
      });
      body.appendChild(row);
    });
    node.appendChild(body);
    return node;
  }

  function tell(one) {
    facts.textContent = "";
    facts.appendChild(make("h2", one.patient));
    facts.appendChild(make("p", (one.time === "followup" ? "follow-up" : one.time) + (one.failed ? ", not segmented" : one.found === 0 ? ", nothing found" : "")));
    one.flags.forEach(function (code) { facts.appendChild(make("p", code + (data.meanings[code] ? ": " + data.meanings[code] : ""), "codes")); });
    facts.appendChild(make("h3", "Layers"));
    var layers = make("div", null, "layers");
    data.labels.forEach(function (label) {
      layers.appendChild(layer(label.key, label.name, label.color, false, number(one.volumes[label.key], 1) + " mL"));
    });
    if (one.compared) { layers.appendChild(layer("reference", "Reference", data.colors.reference, true, "")); }
    layers.appendChild(layer("brain", "Brain", data.colors.brain, true, ""));
    var slider = make("label"), range = make("input");
    range.type = "range"; range.min = 0; range.max = 1; range.step = 0.05; range.value = shows.opacity;
    range.setAttribute("aria-label", "Opacity of the masks");
    range.addEventListener("input", function () { shows.opacity = Number(range.value); paint(); });
    slider.style.gridTemplateColumns = "auto 1fr";
    slider.appendChild(make("span", "Opacity"));
    slider.appendChild(range);
    layers.appendChild(slider);
    facts.appendChild(layers);
    var agreed = data.labels.filter(function (label) { return one.agreement[label.key]; });
    if (agreed.length) {
      facts.appendChild(make("h3", "Against the reference"));
      facts.appendChild(table(["", "Dice", "reference", "difference"], agreed.map(function (label) {
        var found = one.agreement[label.key];
        return [label.name, number(found.dice, 2), number(found.reference_ml, 1) + " mL", number(found.difference_ml, 1) + " mL"];
      })));
    }
    var rows = data.columns.map(function (column, i) {
      var value = one.values[i];
      var words = typeof value === "number" ? number(value, Number.isInteger(value) ? 0 : Math.abs(value) < 10 ? 2 : 1) : value || "–";
      var row = [column.words, words + (column.unit && value !== null ? " " + column.unit : "")];
      row.about = column.about;
      return row;
    });
    if (rows.length) {
      facts.appendChild(make("h3", "Measures"));
      facts.appendChild(table([], rows));
    }
    if (one.script) {
      facts.appendChild(make("h3", "Shown"));
      facts.appendChild(make("p", one.pixels.join(" × ") + " voxels of " + one.spacing.map(function (size) { return number(size, 2); }).join(" × ") + " mm" +
        (one.block > 1 ? "; " + one.block + " × " + one.block + " pixels averaged" : "; pixels as they are")));
    }
  }

  // ---- keys: before NiiVue sees them

  function flip(key) {
    shows[key] = !shows[key];
    document.querySelectorAll("[data-layer]").forEach(function (box) { box.checked = shows[box.dataset.layer]; });
    paint();
  }
  addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) { return; }
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox") {
      if (event.key === "Escape") { event.target.blur(); }
      return;
    }
    var keys = {
      ArrowUp: function () { move(1); }, ArrowDown: function () { move(-1); },
      ArrowLeft: function () { step(-1); }, ArrowRight: function () { step(1); },
      m: function () {
        var on = data.labels.some(function (label) { return shows[label.key]; });
        data.labels.forEach(function (label) { shows[label.key] = on; flip(label.key); });
      },
      r: function () { flip("reference"); }, b: function () { flip("brain"); }, v: togglePlanes,
      "/": function () { form.elements.words.focus(); }
    };
    var own = keys[event.key] || (/^[1-9]$/.test(event.key) && data.windows[event.key - 1] && function () { setWindow(event.key - 1); });
    if (own) { event.preventDefault(); event.stopPropagation(); own(); }
  }, true);

  arrange();
  start().then(function () {
    var first = items.filter(function (item) { return !item.hidden; })[0];
    if (first) { choose(first.dataset.key); } else { message.textContent = "No scan of this center was segmented."; }
  });
})();
