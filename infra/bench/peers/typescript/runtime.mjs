// The loop between Lambda's Runtime API and a handler, as AWS's guide to custom runtimes describes it. AWS's own client
// (aws-lambda-ric) has a part in C++ that needs CMake to be built; this one does less, which is to the peer's advantage.
import http from 'node:http';
import { pathToFileURL } from 'node:url';

const [file, name] = process.env._HANDLER.split(':');
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function request(method, path, body) {
  return new Promise((resolve, reject) => {
    const options = { host, port, method, agent, path: `/2018-06-01/runtime/${path}` };
    const sent = http.request(options, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const failure = (error) => JSON.stringify({ errorType: error.name, errorMessage: error.message });

let handler;
try {
  handler = (await import(pathToFileURL(file)))[name];
} catch (error) {
  await request('POST', 'init/error', failure(error));
  process.exit(1);
}

for (;;) {
  const { headers, body } = await request('GET', 'invocation/next');
  const id = headers['lambda-runtime-aws-request-id'];
  process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const context = {
    awsRequestId: id,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  try {
    const answer = await handler(JSON.parse(body), context);
    await request('POST', `invocation/${id}/response`, JSON.stringify(answer));
  } catch (error) {
    await request('POST', `invocation/${id}/error`, failure(error));
  }
}
