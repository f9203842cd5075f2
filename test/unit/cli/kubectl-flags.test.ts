import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { resolveClusterName, UsageError } from '../../../src/cli/arguments.ts';
import { formatOutput, print } from '../../../src/cli/output.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { programNameOf } from '../../../src/cli/program-name.ts';
import { describeSelection } from '../../../src/cli/selection.ts';
import { formatFleet } from '../../../src/cli/status/status-view.ts';
import { workflowIdPrefixes } from '../../../src/contract/ids.ts';

const folder = mkdtempSync(join(tmpdir(), 'certman-flags-'));
const kubeconfig = join(folder, 'kubeconfig');
beforeAll(() => {
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      'current-context': 'one',
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
      users: [{ name: 'u', user: {} }],
      contexts: [
        { name: 'one', context: { cluster: 'c', user: 'u', namespace: 'team-a' } },
        { name: 'two', context: { cluster: 'c', user: 'u' } },
      ],
    }),
  );
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe('the program', () => {
  it.each([
    ['/app/bin/certman.js', 'certman'],
    ['/usr/local/bin/certman', 'certman'],
    ['/usr/local/bin/kubectl-certman', 'kubectl certman'],
    ['/src/bin/kubectl-certman.js', 'kubectl certman'],
    ['/src/not-kubectl-certman', 'certman'],
    ['', 'certman'],
  ])('started as %s is "%s"', (script, name) => expect(programNameOf(script, {})).toBe(name));

  it.each([
    ["'certman'", '/cache/_npx/1/node_modules/.bin/certman', 'npx certman'],
    ['certman "status"', '/src/node_modules/.bin/certman', 'npx certman'],
    ['certman', '/usr/local/bin/kubectl-certman', 'kubectl certman'],
    ["'bash'", '/usr/local/bin/certman', 'certman'],
    ["'certman-other'", '/usr/local/bin/certman', 'certman'],
  ])('under npx of %s, started as %s, is "%s"', (script, file, name) =>
    expect(programNameOf(file, { npm_lifecycle_event: 'npx', npm_lifecycle_script: script })).toBe(name),
  );

  it('is "certman" in a script of npm', () =>
    expect(
      programNameOf('/src/bin/certman.js', { npm_lifecycle_event: 'certman', npm_lifecycle_script: 'certman' }),
    ).toBe('certman'));

  it.each(createProgram().commands.map((command) => command.name()))('says which help has the flags of %s', (name) => {
    let shown = '';
    const program = createProgram();
    const command = program.commands.find((one) => one.name() === name);
    command?.configureOutput({ writeErr: (text) => (shown += text) });
    expect(() => command?.parse(['--no-such-flag'], { from: 'user' })).toThrow();
    expect(shown).toContain(`See: certman ${name} --help`);
  });
});

describe('the cluster that a command names', () => {
  it('is in the namespace of its text, of -n, or of the context, as kubectl has it', async () => {
    const of = (text: string, options: object) => resolveClusterName(text, { kubeconfig, ...options });
    expect(await of('ns/demo', {})).toEqual({ namespace: 'ns', name: 'demo' });
    expect(await of('ns/demo', { namespace: 'ns' })).toEqual({ namespace: 'ns', name: 'demo' });
    expect(await of('demo', { namespace: 'ns' })).toEqual({ namespace: 'ns', name: 'demo' });
    expect(await of('demo', {})).toEqual({ namespace: 'team-a', name: 'demo' });
    expect(await of('demo', { context: 'two' })).toEqual({ namespace: 'default', name: 'demo' });
  });

  it.each([
    ['ns/demo', { namespace: 'other' }, /in the namespace ns, but -n says other/],
    ['demo', { namespace: 'a/b' }, /--namespace is "a\/b"/],
    ['demo', { context: 'three' }, /does not say in which namespace.*no context three; it has one, two/],
    ["demo' OR 1=1", { namespace: 'ns' }, /^"demo' OR 1=1" does not name a cluster/],
  ])('is refused: %s %j', async (text, options, message) => {
    const refused = resolveClusterName(text, { kubeconfig, ...options });
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow(message);
  });
});

describe('a part of the fleet', () => {
  it('is described in words', () => {
    expect(describeSelection({})).toBeUndefined();
    expect(describeSelection({ namespace: 'ns', selector: 'a=b' })).toBe('in namespace ns with labels a=b');
  });

  it('has the prefix of its namespace in workflow ids, and of no longer name', () => {
    expect(workflowIdPrefixes('hive', { namespace: 'ns' })).toEqual(['cluster/hive/ns/', 'request/hive/ns/']);
    expect(workflowIdPrefixes('hive', { namespace: 'ns', name: 'c' })).toEqual([
      'cluster/hive/ns/c/',
      'request/hive/ns/c/',
    ]);
  });
});

describe('the output', () => {
  const result = { clusters: [{ cluster: 'ns/demo', state: 'Failing', reason: undefined }] };
  const asText = (_result: unknown, wide: boolean): string => (wide ? 'wide' : 'table');

  it('has the format of -o', async () => {
    expect(await formatOutput({}, result, asText)).toBe('table');
    expect(await formatOutput({ output: 'wide' }, result, asText)).toBe('wide');
    for (const options of [{ json: true }, { output: 'json' }] as const)
      expect(JSON.parse(await formatOutput(options, result, asText))).toEqual(result);
    expect(parse(await formatOutput({ output: 'yaml' }, result, asText))).toEqual(JSON.parse(JSON.stringify(result)));
  });

  it('of a fleet is wide with exact instants and names', () => {
    const notAfter = '2026-12-01T00:00:00Z';
    const clusters = [{ cluster: 'ns/demo', state: 'Ready', notAfter, dnsNames: ['api.x', '*.apps.x'] }];
    const report = { source: 'temporal', clusters } as const;
    expect(formatFleet(report)).not.toMatch(/2026-12-01|NAMES/);
    expect(formatFleet(report, true)).toMatch(/NAMES[^]*2026-12-01 00:00:00Z.*api\.x,\*\.apps\.x$/);
    expect(formatFleet({ ...report, clusters: [], among: 'in namespace ns' })).toBe(
      'Nothing is served in namespace ns.',
    );
  });

  it('has colours where the terminal has, and nowhere else', () => {
    let written = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
      written += String(chunk);
      return true;
    });
    const text = 'CLUSTER  STATE\nns/demo  Failing  because of Ready\n  primary: Ready\nFailing to say';
    print(text);
    expect(written).toBe(`${text}\n`);
    written = '';
    vi.stubEnv('FORCE_COLOR', '1');
    print(text);
    const [red, green, end] = ['\u001b[31m', '\u001b[32m', '\u001b[39m'];
    expect(written).toBe(
      `CLUSTER  STATE\nns/demo  ${red}Failing${end}  because of Ready\n  primary: ${green}Ready${end}\nFailing to say\n`,
    );
  });
});
