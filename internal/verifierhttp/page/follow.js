// Follows a reading while it runs, and gives it up when its page is left: the data
// go with the page. Without this script the page asks again by itself, and the
// data go after a minute.
"use strict";
(() => {
  const page = document.getElementById("follow");
  const base = page.dataset.base;
  let stays = false;
  for (const link of document.querySelectorAll("a[hreflang]")) {
    link.addEventListener("click", () => { stays = true; });
  }
  addEventListener("pagehide", () => {
    if (!stays) {
      navigator.sendBeacon(base + "/close", new URLSearchParams({reading: page.dataset.reading}));
      document.body.replaceChildren();
    }
  });
  // A page that the browser kept aside shows nothing when it comes back.
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      location.replace(base + "/");
    }
  });
  if (!page.dataset.running) {
    // What is shown goes after a minute; timers stand still while a laptop sleeps.
    const ends = Date.now() + 60000;
    setInterval(() => {
      if (Date.now() >= ends) {
        location.replace(base + "/");
      }
    }, 1000);
    return;
  }
  const steps = document.getElementById("steps");
  const ask = async () => {
    try {
      const answer = await fetch(base + "/progress", {cache: "no-store"});
      if (answer.ok) {
        const state = await answer.json();
        for (const step of state.steps.slice(steps.children.length)) {
          const time = document.createElement("time");
          time.textContent = step.time;
          const line = document.createElement("li");
          line.append(time, " ", step.text);
          steps.append(line);
        }
        if (!state.running) {
          stays = true;
          location.replace(base + "/reading");
          return;
        }
      }
    } catch {
      // The reader was stopped, or is about to be there again.
    }
    setTimeout(ask, 500);
  };
  ask();
})();
