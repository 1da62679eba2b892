// Requests, and what becomes of them.

// A Failure is an answer of the server that is no success.
class Failure extends Error {
  constructor(status, body) {
    super(body.message || "The server cannot be reached. Try again.");
    this.status = status;
    this.code = body.error || "";
    this.details = body.details || {};
  }
}

export async function ask(method, path, body, token, more) {
  const headers = { ...more };
  if (token) headers.Authorization = "Bearer " + token;
  if (body && !(body instanceof FormData)) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  let res;
  try {
    res = await fetch(path, { method, headers, body, cache: "no-store" });
  } catch {
    throw new Failure(0, {});
  }
  if (!res.ok) throw new Failure(res.status, await res.json().catch(() => ({})));
  return res;
}

export const json = async (method, path, body) => {
  const res = await ask(method, path, body);
  return res.status === 204 ? {} : res.json();
};
