// Shows how far an upload is; without this script the form is sent as any other.
"use strict";

for (const form of document.querySelectorAll("form[data-upload]")) {
  const bar = form.querySelector("progress");
  const says = form.querySelector("output");
  const button = form.querySelector("button");

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.upload.addEventListener("progress", (moment) => {
      if (!moment.lengthComputable) return;
      bar.value = moment.loaded / moment.total;
      says.textContent = `${Math.floor(bar.value * 100)} %`;
    });
    request.addEventListener("load", () => {
      if (request.status < 400) return location.assign(request.responseURL);
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const sentence = page.querySelector(".sentence");
      fail(sentence ? sentence.textContent : form.dataset.broken);
    });
    request.addEventListener("error", () => fail(form.dataset.broken));
    bar.hidden = false;
    button.disabled = true;
    request.send(new FormData(form));
  });

  function fail(sentence) {
    bar.hidden = true;
    button.disabled = false;
    says.textContent = sentence;
  }
}
