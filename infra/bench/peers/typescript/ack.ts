/**
 * The webhook: decrypts the envelope, puts a message without personal data on the queue, acknowledges.
 *
 * Written as the documentation of Powertools for AWS Lambda (TypeScript) advises: clients and utilities outside the handler, the
 * secret through Parameters with a cache, one structured log line, metrics in the embedded format, bundled and minified.
 */
import { createDecipheriv } from 'node:crypto';

import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { getSecret } from '@aws-lambda-powertools/parameters/secrets';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';

const KEYS_AGE_SECONDS_MAX = 900;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

const logger = new Logger();
const metrics = new Metrics();
const sqs = new SQSClient({});

interface HttpEvent {
  headers: Record<string, string | undefined>;
  body?: string;
  isBase64Encoded: boolean;
}

interface Context {
  awsRequestId: string;
}

/** The request is answered with this status and this reason. */
class Rejected extends Error {
  constructor(readonly status: number, readonly reason: string) {
    super(reason);
  }
}

export const handler = async (event: HttpEvent, context: Context) => {
  logger.addContext(context as never);
  metrics.addMetric('Received', MetricUnit.Count, 1);
  const started = performance.now();
  try {
    const message = normalised(await decrypted(event));
    await sqs.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL, MessageBody: JSON.stringify(message) }));
    const tookMs = Math.round(performance.now() - started);
    metrics.addMetric('Accepted', MetricUnit.Count, 1);
    metrics.addMetric('AckDuration', MetricUnit.Milliseconds, tookMs);
    logger.info('request', {
      httpStatus: 200,
      notificationID: message.notificationID,
      transactionID: message.transactionID,
      paymentStatus: message.paymentStatus,
      disposition: 'accepted',
      durationMs: tookMs,
    });
    return answer(200, { statusCode: '000', statusMsg: 'Success', notificationID: message.notificationID });
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    metrics.addMetric('Rejected', MetricUnit.Count, 1);
    logger.warn('request', { httpStatus: error.status, disposition: 'rejected', reason: error.reason });
    return answer(error.status, { error: error.reason });
  } finally {
    metrics.publishStoredMetrics();
  }
};

/** Opens the envelope with each active key: AES-256-GCM, IV and tag in the headers, all in Base64. */
async function decrypted(event: HttpEvent): Promise<Record<string, any>> {
  const iv = bytes(event.headers['x-initialization-vector']);
  const tag = bytes(event.headers['x-authentication-tag']);
  const text = event.isBase64Encoded ? Buffer.from(event.body ?? '', 'base64').toString() : event.body;
  const body = bytes(text);
  if (iv.length !== IV_BYTES || tag.length !== TAG_BYTES) throw new Rejected(400, 'no envelope');
  const secret = (await getSecret(process.env.WEBHOOK_KEYS_SECRET as string, {
    transform: 'json',
    maxAge: KEYS_AGE_SECONDS_MAX,
  })) as { keys: string[] };
  for (const key of secret.keys) {
    const decipher = createDecipheriv('aes-256-gcm', Buffer.from(key, 'base64'), iv, { authTagLength: TAG_BYTES });
    decipher.setAuthTag(tag);
    try {
      return JSON.parse(Buffer.concat([decipher.update(body), decipher.final()]).toString());
    } catch {
      continue;
    }
  }
  throw new Rejected(401, 'not authentic');
}

function bytes(text: string | undefined): Buffer {
  if (!text || !BASE64.test(text)) throw new Rejected(400, 'no envelope');
  return Buffer.from(text, 'base64');
}

/** What goes on the queue: nothing about the payer. */
function normalised(payload: Record<string, any>) {
  for (const name of ['transactionID', 'notificationID', 'paymentStatus', 'amount']) {
    if (payload[name] === undefined) throw new Rejected(422, `without ${name}`);
  }
  return {
    schemaVersion: 1,
    kind: 'notification',
    receivedAt: Date.now(),
    transactionID: payload.transactionID,
    notificationID: payload.notificationID,
    paymentStatus: payload.paymentStatus,
    merchantTransactionId: payload.merchant?.transactionId,
    terminalId: String(payload.merchant?.terminalId),
    paymentMethod: payload.paymentMethod,
    paymentType: payload.paymentType,
    amount: { value: String(payload.amount.value), currency: payload.amount.currency },
  };
}

function answer(statusCode: number, body: object) {
  return { statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}
