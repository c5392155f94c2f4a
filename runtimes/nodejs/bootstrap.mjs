// Runs a Node.js handler: the runtime of nodejs* functions. Asks the Runtime API for an event, calls the handler, answers.
import http from 'node:http';
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import util from 'node:util';

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const base = '/2018-06-01/runtime/';
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
let requestId = '';

function request(method, name, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const data = body === undefined ? undefined : Buffer.from(body);
    const call = http.request({ host, port, method, agent, path: base + name,
      headers: data ? { ...headers, 'Content-Length': data.length } : headers }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(parts).toString() }));
    });
    call.on('error', reject);
    call.end(data);
  });
}

function setUpConsole() {
  const write = (level, values) => {
    const text = util.format(...values).replaceAll('\n', '\r');
    process.stdout.write(`${new Date().toISOString()}\t${requestId || 'undefined'}\t${level}\t${text}\n`);
  };
  for (const [name, level] of [['log', 'INFO'], ['info', 'INFO'], ['warn', 'WARN'], ['error', 'ERROR'], ['debug', 'DEBUG'], ['trace', 'TRACE']])
    console[name] = (...values) => write(level, values);
}

function errorOf(error) {
  if (!(error instanceof Error))
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return { errorType: error.name, errorMessage: error.message, trace: (error.stack || '').split('\n') };
}

function named(name, message) {
  const error = new Error(message);
  error.name = name;
  return error;
}

async function loadHandler(name) {
  const root = process.env.LAMBDA_TASK_ROOT || '/var/task';
  const file = path.basename(name), dot = file.indexOf('.');
  if (dot < 1)
    throw named('Runtime.MalformedHandlerName', 'Bad handler');
  const stem = path.join(root, path.dirname(name), file.slice(0, dot)), found = ['.js', '.mjs', '.cjs', ''].map((e) => stem + e).find((f) => fs.existsSync(f));
  if (!found)
    throw named('Runtime.ImportModuleError', `Error: Cannot find module '${path.relative(root, stem)}'`);
  let module;
  try {
    module = createRequire(pathToFileURL(path.join(root, 'x.js')))(found);
  } catch (error) {
    const esm = error.code === 'ERR_REQUIRE_ESM' || found.endsWith('.mjs') || error instanceof SyntaxError;
    if (!esm)
      throw error.code === 'MODULE_NOT_FOUND' ? named('Runtime.ImportModuleError', `Error: ${error.message}`) : error;
    module = await import(pathToFileURL(found));
  }
  const handler = file.slice(dot + 1).split('.').reduce((value, key) => value?.[key], module) ?? module.default?.[file.slice(dot + 1)];
  if (typeof handler !== 'function')
    throw named('Runtime.HandlerNotFound', `${name} is undefined or not exported`);
  return handler;
}

function contextOf(headers) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']), client = headers['lambda-runtime-client-context'];
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: client ? JSON.parse(Buffer.from(client, 'base64').toString()) : undefined,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: requestId,
    getRemainingTimeInMillis: () => Math.max(deadline - Date.now(), 0),
  };
}

function run(handler, event, context) {
  return new Promise((resolve, reject) => {
    const callback = (error, value) => (error ? reject(error) : resolve(value));
    Object.assign(context, { succeed: resolve, fail: reject, done: callback });
    const value = handler(event, context, callback);
    if (typeof value?.then === 'function')
      value.then(resolve, reject);
    else if (value !== undefined || handler.length < 3)
      resolve(value);
  });
}

async function one(handler) {
  const next = await request('GET', 'invocation/next');
  requestId = next.headers['lambda-runtime-aws-request-id'];
  if (next.headers['lambda-runtime-trace-id'])
    process.env._X_AMZN_TRACE_ID = next.headers['lambda-runtime-trace-id'];
  try {
    const value = await run(handler, JSON.parse(next.body), contextOf(next.headers));
    await request('POST', `invocation/${requestId}/response`, JSON.stringify(value === undefined ? null : value), { 'Content-Type': 'application/json' });
  } catch (error) {
    const told = errorOf(error);
    console.error('Invoke Error ', JSON.stringify({ errorType: told.errorType, errorMessage: told.errorMessage, stack: told.trace }));
    await request('POST', `invocation/${requestId}/error`, JSON.stringify(told), { 'Lambda-Runtime-Function-Error-Type': told.errorType });
  }
}

async function failInit(error) {
  const told = errorOf(error);
  console.error('Uncaught Exception ', JSON.stringify({ errorType: told.errorType, errorMessage: told.errorMessage, stack: told.trace }));
  await request('POST', 'init/error', JSON.stringify(told), { 'Lambda-Runtime-Function-Error-Type': told.errorType });
  process.exit(1);
}

setUpConsole();
const handler = await loadHandler(process.env._HANDLER).catch(failInit);
for (;;)
  await one(handler);
