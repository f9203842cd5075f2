/** The command line as a process: output and exit code. */
import { afterAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../local/stack/process/ports.ts';
import { settingsAsMarkdown } from '../../../src/configuration/describe-settings.ts';
import { endProcesses, expectExit, runCertman } from '../../support/process/certman-process.ts';

afterAll(endProcesses);

async function run(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  return await runCertman(args, { HOME: '/nonexistent', ...environment });
}

describe('wrong use', () => {
  it.each([
    [['bogus'], /unknown command 'bogus'/],
    [['release'], /missing required argument 'cluster'/],
    [['renew'], /no cluster is named; expected the name of one, or -l <labels> or --all with -n or -A/],
    [['renew', '-l', 'a=b'], /expected -n <namespace>, or -A/],
    [['pause', '--all'], /expected -n <namespace>, or -A/],
    [['resume', 'ns/demo', '--all', '-A'], /exclude each other/],
    [['renew', 'demo'], /"demo" does not say in which namespace.*expected -n <namespace>, or namespace\/name/],
    [['renew', 'Demo', '-n', 'ns'], /"Demo" does not name a cluster/],
    [['renew', 'ns/demo', '-n', 'other'], /ns\/demo is in the namespace ns, but -n says other/],
    [['status', 'a/b/c'], /does not name a cluster/],
    [['status', '-n', 'A b'], /--namespace is "A b"/],
    [['status', 'a/b', '-A'], /exclude each other/],
    [['status', '--nope'], /unknown option '--nope'\n+See: certman status --help/],
    [['status', '-o', 'xml'], /choices are table, wide, json, yaml/i],
    [['status', '--json', '-o', 'yaml'], /'--json' cannot be used with option '-o, --output <format>'/],
    [['status', '--context', 'other'], /has no context other|no KUBECONFIG/],
    [['account', 'create', '--directory', 'ftp://ca'], /--directory is "ftp:\/\/ca"; expected an https URL/],
    [['account', 'create', '--directory', 'letsencrypt', '--key-type', 'dsa'], /--key-type is "dsa"; expected/],
    [['codec-server'], /CERTMAN_PAYLOAD_KEYS is not set/],
    [['codec-server', '--listen', '0.0.0.0:8888'], /can be reached from other hosts; add --token-file/],
    [['codec-server', '--listen', 'a b'], /expected host:port/],
    [['codec-server', '--origin', 'https://temporal.example.com/path'], /expected scheme, host and port only/],
    [['codec-server', '--token-file', '/no/such/file'], /--token-file \/no\/such\/file cannot be read \(ENOENT\)/],
  ])('exits with 2 and says what is expected: %j', async (args, message) => {
    expect((await expectExit(run(args), 2)).output).toMatch(message);
  });
});

describe('certman config', () => {
  it('prints the settings as docs/configuration.md has them', async () => {
    expect((await expectExit(run(['config', '--markdown']))).stdout).toBe(settingsAsMarkdown());
  });

  it('says that all settings are valid', async () => {
    await expectExit(run(['config', '--check']));
  });

  it('reports every problem, and variables that are named like settings but are none', async () => {
    const wrong = await expectExit(
      run(['config', '--check'], { CERTMAN_MANAGEMENT_CLUSTER: 'No!', CERTMAN_KEY_TYPE: 'md5' }),
      2,
    );
    expect(wrong.output).toMatch(/CERTMAN_MANAGEMENT_CLUSTER.*CERTMAN_KEY_TYPE/s);
    const unknown = await expectExit(run(['config', '--check'], { CERTMAN_KEYTYPE: 'p-256' }));
    expect(unknown.output).toContain('did you mean CERTMAN_KEY_TYPE?');
  });
});

describe('without Temporal', () => {
  it('a renewal fails with 1 and names the setting to check', async () => {
    const { output } = await expectExit(
      run(['renew', 'ns/demo'], { TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}` }),
      1,
    );
    expect(output).toContain('TEMPORAL_ADDRESS');
  });

  it('a status that cannot show the resources of the management cluster either says why of both', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const { output } = await expectExit(run(['status'], { TEMPORAL_ADDRESS: address, KUBECONFIG: '/no/such/file' }), 2);
    expect(output).toMatch(new RegExp(`${address}.* cannot be shown either: .*/no/such/file`, 's'));
  });
});
