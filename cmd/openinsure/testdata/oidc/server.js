// An OpenID Connect server as a deployment runs it: certified software, with its
// login form, consent, PKCE and one use of each code. Whoever signs in is who he
// says, with any password: his name is his e-mail address.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const { REDIRECT, SECRET } = process.env;
const verified = (email) => !email.startsWith("unverified.");
const groups = (email) => (email.startsWith("ada@") ? ["bosses"] : ["underwriters"]);
let handler;
const server = createServer((req, res) => handler(req, res));
server.listen(0, "127.0.0.1", () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(url, {
    clients: [{ client_id: "openinsure", client_secret: SECRET, redirect_uris: [REDIRECT], grant_types: ["authorization_code"], response_types: ["code"] }],
    cookies: { keys: ["a key of the test server"] },
    claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
    scopes: ["openid", "email", "groups"],
    pkce: { required: () => true },
    findAccount: (ctx, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: id.replace(/^unverified\./, ""), email_verified: verified(id), groups: groups(id) }),
    }),
  });
  handler = provider.callback();
  console.log(url);
});
process.stdin.on("end", () => process.exit(0)).resume(); // the test is over
