// Starts a haar with a temporary data directory for a test file, and points the SDK at it with AWS_ENDPOINT_URL alone.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const binary = process.env.HAAR_BINARY ?? join(root, 'build', 'src', 'haar');

export async function startHaar(...options) {
  const directory = mkdtempSync(join(tmpdir(), 'haar-js-'));
  const data = join(directory, 'data');
  const child = spawn(binary, ['serve', '--port', '0', '--data', data, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ready = await new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (piece) => {
      text += piece;
      if (text.includes('\n')) resolve(text);
    });
    child.on('exit', (code) => reject(new Error(`haar ended with ${code}`)));
  });
  const url = ready.match(/http:\/\/[0-9.:]+/)[0];
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: url, AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_MAX_ATTEMPTS: '1',
  });
  return {
    url,
    ca: () => readFileSync(join(data, 'ca', 'ca.pem')),
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

// The services that this haar has: tests of others are skipped.
export async function services(haar) {
  const answer = await fetch(`${haar.url}/_localstack/health`);
  return Object.keys((await answer.json()).services);
}
