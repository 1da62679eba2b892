"use strict";
const say = document.getElementById("say");
const go = document.getElementById("go");
const code = location.hash.slice(1);
if (!code) {
  say.textContent = "This address lacks its code: open the whole link.";
  go.disabled = true;
}
go.addEventListener("click", async () => {
  go.disabled = true;
  try {
    const res = await fetch("/auth/login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code }),
    });
    const body = await res.json();
    if (!res.ok) {
      say.textContent = body.message;
      return;
    }
    history.replaceState(null, "", "/login");
    sessionStorage.setItem("openinsure.token", body.token); // for /rooms/… in this tab
    say.textContent = "You are signed in.";
    go.hidden = true;
    document.getElementById("token").value = body.token;
    document.getElementById("until").textContent = new Date(body.expiresAt).toLocaleTimeString();
    document.getElementById("done").hidden = false;
  } catch {
    say.textContent = "The server cannot be reached. Try again.";
    go.disabled = false;
  }
});
