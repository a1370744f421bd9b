/**
 * The queue: each notification once, what it claims asked of the Status API, the transaction updated by its version.
 *
 * Written as the documentation of Powertools for AWS Lambda (TypeScript) advises: Idempotency with its DynamoDB table around the
 * work on one notification, Batch with partial responses around the records (in parallel, its default), the clients shared, the
 * secret through Parameters.
 */
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { getSecret } from '@aws-lambda-powertools/parameters/secrets';
import { ConditionalCheckFailedException, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';

const CREDENTIALS_AGE_SECONDS_MAX = 900;
const QUESTION_MS_MAX = 8000;
const RACES_MAX = 12;
const RETENTION_SECONDS = 400 * 24 * 3600;
const FINAL = new Set(['Success', 'Declined', 'Error', 'Timeout']);

interface Notification {
  transactionID: string;
  notificationID: string;
  paymentStatus: string;
  merchantTransactionId: string;
  terminalId: string;
  paymentMethod: string;
  paymentType: string;
  amount: { value: string; currency: string };
}

interface Stored {
  paymentStatus: string;
  version: number;
}

const logger = new Logger();
const metrics = new Metrics();
const batch = new BatchProcessor(EventType.SQS);
const client = new DynamoDBClient({});
const documents = DynamoDBDocumentClient.from(client);
const config = new IdempotencyConfig({ eventKeyJmesPath: 'notificationID', throwOnNoIdempotencyKey: true });
const persistenceStore = new DynamoDBPersistenceLayer({
  tableName: process.env.IDEMPOTENCY_TABLE as string,
  awsSdkV3Client: client,
});

export const handler = async (event: never, context: never) => {
  logger.addContext(context);
  config.registerLambdaContext(context);
  const response = await processPartialResponse(event, processed, batch, { context });
  metrics.publishStoredMetrics();
  return response;
};

const processed = async (record: { body: string }): Promise<void> => {
  await settled(JSON.parse(record.body));
};

/** Once for each notificationID: asks only if a final state is claimed that is not stored, and writes by the version. */
const settled = makeIdempotent(
  async (notification: Notification) => {
    const status = await applied(notification);
    metrics.addMetric('Processed', MetricUnit.Count, 1);
    logger.info('processed', {
      transactionID: notification.transactionID,
      notificationID: notification.notificationID,
      claimed: notification.paymentStatus,
      paymentStatus: status,
    });
    return { transactionID: notification.transactionID, paymentStatus: status };
  },
  { persistenceStore, config },
);

async function applied(notification: Notification): Promise<string> {
  const key = { transactionID: notification.transactionID };
  for (let race = 0; race < RACES_MAX; race += 1) {
    const read = new GetCommand({ TableName: process.env.TABLE_NAME, Key: key, ConsistentRead: true });
    const stored = (await documents.send(read)).Item as Stored | undefined;
    const status = await decided(notification, stored);
    if (stored?.paymentStatus === status) return status;
    try {
      await write(notification, stored, status);
      return status;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  }
  throw new Error('too many races');
}

async function decided(notification: Notification, stored: Stored | undefined): Promise<string> {
  const claimed = notification.paymentStatus;
  const known = stored?.paymentStatus ?? 'Pending';
  if (known === claimed || (FINAL.has(known) && !FINAL.has(claimed))) return known;
  return FINAL.has(claimed) ? asked(notification.transactionID) : claimed;
}

async function asked(transactionID: string): Promise<string> {
  const secret = (await getSecret(process.env.STATUS_API_SECRET as string, {
    transform: 'json',
    maxAge: CREDENTIALS_AGE_SECONDS_MAX,
  })) as { default: { token: string; clientId: string } };
  const started = performance.now();
  const response = await fetch(`${process.env.STATUS_API_URL}/payments/${encodeURIComponent(transactionID)}/status`, {
    headers: {
      Authorization: `Bearer ${secret.default.token}`,
      'X-IBM-Client-Id': secret.default.clientId,
      Accept: 'application/json',
    },
    signal: AbortSignal.timeout(QUESTION_MS_MAX),
  });
  if (!response.ok) throw new Error(`the Status API answers ${response.status}`);
  const { paymentStatus } = (await response.json()) as { paymentStatus: string };
  const tookMs = Math.round(performance.now() - started);
  metrics.addMetric('StatusApiLatency', MetricUnit.Milliseconds, tookMs);
  logger.info('status answer', { transactionID, paymentStatus, durationMs: tookMs });
  return paymentStatus;
}

/** One conditional write: nobody has written since the read. */
async function write(notification: Notification, stored: Stored | undefined, status: string): Promise<void> {
  const version = stored?.version ?? 0;
  const now = Date.now();
  await documents.send(
    new UpdateCommand({
      TableName: process.env.TABLE_NAME,
      Key: { transactionID: notification.transactionID },
      UpdateExpression:
        'SET paymentStatus = :status, version = :next, updatedAt = :now, notificationID = :id, expiresAt = :expires, ' +
        'amount = :amount, terminalId = :terminal, merchantTransactionId = :order, ' +
        'paymentMethod = :method, paymentType = :type',
      ConditionExpression: 'attribute_not_exists(version) OR version = :version',
      ExpressionAttributeValues: {
        ':status': status,
        ':version': version,
        ':next': version + 1,
        ':now': now,
        ':id': notification.notificationID,
        ':expires': Math.floor(now / 1000) + RETENTION_SECONDS,
        ':amount': notification.amount,
        ':terminal': notification.terminalId,
        ':order': notification.merchantTransactionId,
        ':method': notification.paymentMethod,
        ':type': notification.paymentType,
      },
    }),
  );
}
