"use strict";
const $ = (id) => document.getElementById(id);

async function post(path) {
  return fetch(path, { method: "POST", cache: "no-store" });
}

function signedOut(text) {
  sessionStorage.removeItem("openinsure.token");
  $("token").value = "";
  $("say").textContent = text;
  $("me").hidden = true;
  $("in").hidden = false;
}

// show gets a token for this browser and says whose it is.
async function show() {
  try {
    const res = await post("/auth/session/token");
    const body = await res.json();
    if (!res.ok) return signedOut(res.status === 401 ? "You are not signed in." : body.message);
    const me = await (await fetch("/v1/me", { headers: { Authorization: "Bearer " + body.token }, cache: "no-store" })).json();
    $("say").textContent = `You are signed in as ${me.name}, ${me.email}, ${me.role}.`;
    $("token").value = body.token;
    $("until").textContent = new Date(body.expiresAt).toLocaleTimeString();
    $("in").hidden = true;
    $("me").hidden = false;
  } catch {
    $("say").textContent = "The server cannot be reached. Try again.";
  }
}

$("again").addEventListener("click", show);
$("out").addEventListener("click", async () => {
  try {
    const res = await post("/auth/session/sign-out");
    if (res.ok) return signedOut("You are signed out.");
    $("say").textContent = (await res.json()).message;
  } catch {
    $("say").textContent = "The server cannot be reached. Try again.";
  }
});
show();
