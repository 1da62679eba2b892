// The verifier of the API reference, as customers copy it. It answers "good" or
// "bad" for the body on standard input.
import { createHmac, timingSafeEqual } from 'crypto';
import { readFileSync } from 'fs';

function verifyWebhook(rawBody, signature, secret) {
  const expected = createHmac('sha256', secret).update(rawBody).digest('hex');
  return timingSafeEqual(Buffer.from(signature), Buffer.from(`sha256=${expected}`));
}

const [signature, secret] = process.argv.slice(2);
console.log(verifyWebhook(readFileSync(0), signature, secret) ? 'good' : 'bad');
