// Starts the sandbox process for a test file and tells where its vendors listen.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

function program() {
  const builds = process.env.SANDBOX ? [process.env.SANDBOX] : ['Release', 'Debug'].map((b) => `${root}Sandbox/bin/${b}/net10.0/OrleansCrm.Sandbox`);
  const found = builds.find((b) => existsSync(b));
  if (!found) throw new Error(`There is no sandbox at ${builds.join(' or ')}. Build it: dotnet build Sandbox -c Release`);
  return found;
}

/**
 * Starts one vendor on free ports, with the same records every time.
 * @param {string} vendor as on the command line: hubspot
 * @param {string[]} ports names of its ports
 * @param {string[]} more further options
 * @returns addresses by port name, a way to its control, and stop()
 */
export async function start(vendor, ports = [vendor], more = []) {
  const options = ['--only', vendor, '--records', '30', '--seed', '7', ...ports.flatMap((p) => [`--${p}-port`, '0']), ...more];
  const child = spawn(program(), options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const addresses = {};
  await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('The sandbox does not come up.')), 60_000);
    ended.then((code) => reject(new Error(`The sandbox ended with ${code}.`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const told = /^(\S+) listens on (\S+)$/.exec(line);
      if (told) addresses[told[1]] = told[2].replace(/\/$/, '');
      if (line === 'ready') {
        clearTimeout(late);
        resolve();
      }
    });
  }).catch((problem) => {
    child.kill();
    throw problem;
  });

  const base = addresses[ports[0]];
  return {
    addresses,
    base,
    /** One call to the control of the sandbox; the JSON that it answers, if any. */
    async control(method, path, body, user) {
      const headers = { ...(body ? { 'content-type': 'application/json' } : {}), ...(user ? { 'x-user': user } : {}) };
      const response = await fetch(`${base}/_control/${path}`, { method, headers, body: body ? JSON.stringify(body) : undefined });
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
      const text = await response.text();
      return text ? JSON.parse(text) : undefined;
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Asks until the answer is truthy, a few times a second; fails after the time. */
export async function until(ask, what, milliseconds = 20_000, pace = 300) {
  const end = Date.now() + milliseconds;
  while (Date.now() < end) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, pace));
  }
  throw new Error(`It did not happen in time: ${what}`);
}
