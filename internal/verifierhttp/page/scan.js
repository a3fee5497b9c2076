// Looks for the code of a phone through the camera: pictures go to the reader on
// this machine, one after the other, until it finds one. A scanner that types, and
// a picture in a file, need no script.
"use strict";
(() => {
  const form = document.getElementById("ask");
  const camera = document.getElementById("camera");
  if (!form || !navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) {
    return;
  }
  const look = document.getElementById("look");
  const stop = document.getElementById("stop");
  const view = document.getElementById("view");
  const said = document.getElementById("said");
  const code = document.getElementById("code");
  const widest = 1280; // pixels a side
  let stream = null;
  camera.hidden = false;

  const end = () => {
    if (stream) {
      stream.getTracks().forEach((track) => track.stop());
    }
    stream = null;
    view.srcObject = null;
    view.hidden = stop.hidden = true;
    look.hidden = false;
  };

  const frame = async () => {
    const canvas = document.createElement("canvas");
    const scale = Math.min(1, widest / Math.max(view.videoWidth, view.videoHeight, 1));
    canvas.width = Math.round(view.videoWidth * scale);
    canvas.height = Math.round(view.videoHeight * scale);
    if (!canvas.width || !canvas.height) {
      return;
    }
    canvas.getContext("2d").drawImage(view, 0, 0, canvas.width, canvas.height);
    const picture = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
    if (!picture) {
      return;
    }
    const answer = await fetch(form.getAttribute("action").replace(/read$/, "frame"), {
      method: "POST", body: picture, headers: {"Content-Type": "image/jpeg"}, cache: "no-store",
    });
    if (!answer.ok || !stream) {
      return; // too many, or stopped meanwhile: the next one
    }
    const seen = await answer.json();
    if (seen.code) {
      code.value = seen.code;
      end();
      form.requestSubmit();
      return;
    }
    said.textContent = seen.other ? camera.dataset.other : camera.dataset.hint;
  };

  const run = async () => {
    while (stream) {
      try {
        await frame();
      } catch {
        // The reader does not answer: it may again.
      }
      await new Promise((done) => setTimeout(done, 250));
    }
  };

  look.addEventListener("click", async () => {
    try {
      stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: "environment", width: {ideal: widest}}, audio: false});
    } catch {
      said.textContent = camera.dataset.none;
      return;
    }
    view.srcObject = stream;
    view.hidden = stop.hidden = false;
    look.hidden = true;
    said.textContent = camera.dataset.hint;
    await view.play();
    stop.focus();
    run();
  });
  stop.addEventListener("click", () => { end(); said.textContent = ""; look.focus(); });
  addEventListener("pagehide", end);
})();
