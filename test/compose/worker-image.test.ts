/** The image that the Dockerfile builds, run with the restrictions of deploy/base/deployment.yaml. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { parse } from 'yaml';
import { eventually } from '../support/vitest/eventually.ts';
import { dockerCli, PROJECT } from './engine/docker-cli.ts';
import { ROOT } from './engine/run-command.ts';

const BUILD_TIMEOUT_MS = 30 * 60_000;
const IMAGE = `${PROJECT}-worker`;
const engine = inject('engine');
const { compose, docker, tryDocker } = dockerCli(engine);

interface Deployment {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly securityContext: { readonly runAsNonRoot: boolean; readonly runAsUser?: number };
        readonly containers: readonly [
          {
            readonly env: readonly { readonly name: string; readonly value?: string }[];
            readonly resources: { readonly limits: { readonly memory: string } };
            readonly securityContext: Readonly<Record<string, unknown>>;
            readonly volumeMounts: readonly { readonly mountPath: string }[];
          },
        ];
      };
    };
  };
}

const deployment = parse(readFileSync(join(ROOT, 'deploy/base/deployment.yaml'), 'utf8')) as Deployment;
const { securityContext: ofPod, containers } = deployment.spec.template.spec;
const [container] = containers;
const memory = container.resources.limits.memory.replace(/i$/, '').toLowerCase();
/** The securityContext, limits and volumes of the Deployment, as options of `docker run`. */
const RESTRICTIONS = [
  '--read-only',
  '--cap-drop=ALL',
  '--security-opt=no-new-privileges',
  `--memory=${memory}`,
  ...container.volumeMounts.map(({ mountPath }) => `--tmpfs=${mountPath}`),
  ...container.env.flatMap(({ name, value }) => (value === undefined ? [] : [`--env=${name}=${value}`])),
];

describe.skipIf('reason' in engine)('the worker image', () => {
  const run = (...args: readonly string[]) => docker(['run', '--rm', ...RESTRICTIONS, IMAGE, ...args]);
  const runNode = async (script: string): Promise<unknown> =>
    JSON.parse(await docker(['run', '--rm', ...RESTRICTIONS, '--entrypoint=node', IMAGE, '-e', script]));

  beforeAll(async () => {
    await compose(['build', 'worker'], { timeoutMs: BUILD_TIMEOUT_MS });
  }, BUILD_TIMEOUT_MS);

  test('has the same restrictions in this test and in the Deployment', () => {
    expect(ofPod).toMatchObject({ runAsNonRoot: true });
    expect(ofPod.runAsUser, 'the user is that of the image').toBeUndefined();
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  test('has a numeric, non-root user, as runAsNonRoot requires', async () => {
    const user = (await docker(['image', 'inspect', '--format', '{{.Config.User}}', IMAGE])).trim();
    expect(user).toMatch(/^[1-9]\d*(:[1-9]\d*)?$/);
  });

  test('runs as that user, which can write to /tmp only', async () => {
    const seen = await runNode(`
      const { writeFileSync } = require('node:fs');
      const write = (file) => { try { writeFileSync(file, ''); return 'written'; } catch (error) { return error.code; } };
      console.log(JSON.stringify({ uid: process.getuid(), gid: process.getgid(), app: write('/app/x'), tmp: write('/tmp/x') }));
    `);
    expect(seen).toEqual({ uid: 1000, gid: 1000, app: 'EROFS', tmp: 'written' });
  });

  test('has no capability and cannot gain any', async () => {
    const status = await runNode(
      `console.log(JSON.stringify(require('node:fs').readFileSync('/proc/self/status', 'utf8')))`,
    );
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(status).toMatch(/^CapBnd:\s+0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
  });

  test('runs the Node.js version of the checkout', async () => {
    expect(await runNode('console.log(JSON.stringify(process.version))')).toBe(process.version);
  });

  test('has Node.js, and no other program: no shell, no package manager', async () => {
    const seen = await runNode(`
      const { readdirSync } = require('node:fs');
      const list = (folder) => { try { return readdirSync(folder); } catch (error) { return error.code; } };
      console.log(JSON.stringify(Object.fromEntries(['/', '/bin', '/usr', '/usr/bin', '/usr/local/bin'].map((folder) => [folder, list(folder)]))));
    `);
    expect(seen).toMatchObject({
      '/bin': 'ENOENT',
      '/usr': ['local'],
      '/usr/bin': 'ENOENT',
      '/usr/local/bin': ['node'],
    });
  });

  test('has of the packages only the Temporal SDK and what that needs', async () => {
    const seen = await runNode(`
      const present = ['undici', 'zod', '@kubernetes/client-node', 'acme-client', '@temporalio/worker', '@grpc/grpc-js'];
      console.log(JSON.stringify(present.filter((name) => require('node:fs').existsSync('/app/node_modules/' + name + '/package.json'))));
    `);
    expect(seen).toEqual(['@temporalio/worker', '@grpc/grpc-js']);
  });

  test('has nothing that bundles workflow code', async () => {
    const seen = await runNode(`
      const { existsSync, readdirSync } = require('node:fs');
      const present = ['@swc/core', 'swc-loader', 'terser', 'acorn', '.bin'].filter((name) => existsSync('/app/node_modules/' + name));
      console.log(JSON.stringify([present, readdirSync('/app/node_modules/webpack').sort()]));
    `);
    expect(seen).toEqual([[], ['index.js', 'package.json']]);
  });

  test('prints its help', async () => {
    const help = await run('--help');
    for (const command of ['worker', 'status', 'renew', 'config']) expect(help).toContain(command);
  });

  test('validates its settings', async () => {
    expect(await run('config', '--check')).toContain('All settings are valid.');
    const args = ['run', '--rm', ...RESTRICTIONS, '--env=CERTMAN_KEY_TYPE=rsa-1', IMAGE, 'config', '--check'];
    const wrong = await tryDocker(args);
    expect(wrong.code).toBe(2);
    expect(`${wrong.stdout}${wrong.stderr}`).toContain('CERTMAN_KEY_TYPE');
  });

  test('knows its memory limit, waits for Temporal with a passing liveness probe, and exits on SIGTERM', async () => {
    const id = (await docker(['run', '--detach', ...RESTRICTIONS, IMAGE])).trim();
    try {
      await eventually(
        'the worker logs that it waits',
        async () => (await tryDocker(['logs', id])).stdout,
        (log) => log.includes('waiting for Temporal'),
      );
      const probe = `fetch('http://127.0.0.1:8081/healthz').then((answer) => console.log(answer.status))`;
      expect((await docker(['exec', id, 'node', '-e', probe])).trim()).toBe('200');
      const scrape = `fetch('http://127.0.0.1:8080/metrics').then((answer) => answer.text()).then(console.log)`;
      const limit = /^certman_worker_memory_limit_bytes (\d+)$/m.exec(await docker(['exec', id, 'node', '-e', scrape]));
      expect(Number(limit?.[1])).toBe(Number.parseInt(memory, 10) * 1024 ** 2);
      await docker(['stop', '--time', '120', id]);
      expect((await docker(['inspect', '--format', '{{.State.ExitCode}}', id])).trim()).toBe('0');
    } finally {
      await docker(['rm', '--force', id]);
    }
  });
});
