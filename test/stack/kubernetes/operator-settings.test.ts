import { describe, expect, test } from 'vitest';
import { readAwsCredentials } from '../../../src/kubernetes/objects/aws-credentials.ts';
import { createOperatorSettings } from '../../../src/kubernetes/objects/operator-settings.ts';
import { RenewalWindowsConfig } from '../../../src/kubernetes/objects/renewal-windows-config.ts';
import { CONFIG_MAPS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { RestartTurns, readTurns } from '../../../src/kubernetes/objects/restart-turns.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';

const managementCluster = useManagementCluster();
const encode = (data: Record<string, string>) =>
  Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
const putSecret = (namespace: string, name: string, data: Record<string, string>) =>
  managementCluster().admin.apply(SECRETS, { metadata: { namespace, name }, data: encode(data) });
const settingsIn = (operatorNamespace: string) =>
  createOperatorSettings({ kubernetes: managementCluster().admin, operatorNamespace });

describe('the ACME account', () => {
  test('is read without trailing newlines', async () => {
    const namespace = await managementCluster().namespace();
    await putSecret(namespace, 'lets-encrypt-account', {
      'account-url': 'https://ca.example/acct/1\n\n',
      'private-key': '-----BEGIN X-----\n-----END X-----\n\n',
    });
    expect(await settingsIn(namespace).account()).toEqual({
      accountUrl: 'https://ca.example/acct/1',
      privateKeyPem: '-----BEGIN X-----\n-----END X-----\n',
    });
  });

  test('when missing is reported with Secret, namespace and keys; once created it is found at once', async () => {
    const namespace = await managementCluster().namespace();
    const settings = settingsIn(namespace);
    await expect(settings.account()).rejects.toMatchObject({
      code: 'acme/accountMissing',
      message: expect.stringContaining(`Secret ${namespace}/lets-encrypt-account`),
      info: { retry: 'onChange', remedy: expect.stringMatching(/private-key.*account-url/) },
    });
    await putSecret(namespace, 'lets-encrypt-account', {
      'account-url': 'https://ca.example/acct/1',
      'private-key': 'x',
    });
    expect(await settings.account()).toMatchObject({ accountUrl: 'https://ca.example/acct/1' });
  });

  test.each([
    [{ 'private-key': 'x' }, 'acme/accountMissing', 'has no account-url'],
    [{ 'account-url': 'https://ca.example/acct/1', 'private-key': '\n' }, 'acme/accountMissing', 'has no private-key'],
    [{ 'account-url': 'my account', 'private-key': 'x' }, 'acme/accountInvalid', 'is not an http(s) URL'],
  ])('in the form %j is rejected as %s', async (data, code, words) => {
    const namespace = await managementCluster().namespace();
    await putSecret(namespace, 'lets-encrypt-account', data);
    await expect(settingsIn(namespace).account()).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
    });
  });

  test('is read once a minute, or after an invalidation', async () => {
    const namespace = await managementCluster().namespace();
    const put = (url: string) =>
      putSecret(namespace, 'lets-encrypt-account', { 'account-url': url, 'private-key': 'x' });
    const settings = settingsIn(namespace);
    await put('https://ca.example/acct/1');
    await settings.account();
    await put('https://ca.example/acct/2');
    expect((await settings.account()).accountUrl).toBe('https://ca.example/acct/1');
    settings.invalidate();
    expect((await settings.account()).accountUrl).toBe('https://ca.example/acct/2');
  });
});

test.each([
  [{}, 'has no default_notification_email_address'],
  [{ default_notification_email_address: 'nobody' }, 'is not an e-mail address'],
])('the ConfigMap with %j is rejected', async (data, words) => {
  const namespace = await managementCluster().namespace();
  await managementCluster().admin.create(CONFIG_MAPS, { metadata: { namespace, name: 'certman-operator' }, data });
  await expect(settingsIn(namespace).notificationEmail()).rejects.toMatchObject({
    code: 'configuration/invalid',
    message: expect.stringContaining(words),
  });
});

describe('AWS credentials', () => {
  const good = { aws_access_key_id: 'AKIAEXAMPLE\n', aws_secret_access_key: 'abc/DEF+123\n' };

  test('are read without surrounding white space', async () => {
    const namespace = await managementCluster().namespace();
    await putSecret(namespace, 'aws', good);
    expect(await readAwsCredentials(managementCluster().certman, { namespace, name: 'aws' })).toEqual({
      accessKeyId: 'AKIAEXAMPLE',
      secretAccessKey: 'abc/DEF+123',
    });
  });

  test('when missing are reported with the Secret’s name', async () => {
    const namespace = await managementCluster().namespace();
    await expect(readAwsCredentials(managementCluster().certman, { namespace, name: 'aws' })).rejects.toMatchObject({
      code: 'dns/credentialsMissing',
      message: expect.stringContaining(`Secret ${namespace}/aws`),
    });
  });

  test.each([
    [{ aws_access_key_id: 'AKIAEXAMPLE' }, 'has no aws_secret_access_key'],
    [{ ...good, aws_access_key_id: 'two words' }, 'aws_access_key_id that is not in the form AWS uses'],
  ])('in another form are rejected without being quoted', async (data, words) => {
    const namespace = await managementCluster().namespace();
    await putSecret(namespace, 'aws', data);
    const error = await readAwsCredentials(managementCluster().certman, { namespace, name: 'aws' }).catch(
      (caught: unknown) => caught,
    );
    expect(error).toMatchObject({ code: 'dns/credentialsMalformed', message: expect.stringContaining(words) });
    expect(String(error)).not.toContain('two words');
  });
});

describe('the renewal windows', () => {
  const put = (namespace: string, data: Readonly<Record<string, string>>) =>
    managementCluster().admin.apply(CONFIG_MAPS, { metadata: { namespace, name: 'certman-operator' }, data });

  test('are read at once after a change; malformed ones are none, and say what is wrong', async () => {
    const namespace = await managementCluster().namespace();
    const { admin } = managementCluster();
    const config = new RenewalWindowsConfig(namespace);
    expect(await config.read(admin)).toEqual({ rules: { windows: [], freezes: [] } });
    const valid = 'windows:\n- {name: nights, schedule: "0 22 * * *", duration: 6h, timeZone: Europe/Berlin}\n';
    await put(namespace, { renewal_windows: valid });
    expect(await config.read(admin)).toMatchObject({ rules: { windows: [{ name: 'nights' }] } });
    await put(namespace, { renewal_windows: `${valid}freezes: [{name: launch, from: soon, to: later}]` });
    const invalid = await config.read(admin);
    expect(invalid.rules).toBeUndefined();
    expect(invalid.problem).toMatchObject({
      code: 'configuration/invalid',
      message: expect.stringMatching(`ConfigMap ${namespace}/certman-operator.*freezes\\[0\\].*instant`),
    });
    await put(namespace, {});
    expect(await config.read(admin)).toEqual({ rules: { windows: [], freezes: [] } });
  });

  test.each([
    ['tabs', '\twindows: []', 'no YAML'],
    ['too much', `windows: [] #${'x'.repeat(70_000)}`, 'at most 65536'],
  ])('of %s are refused', async (_what, text, words) => {
    const config = new RenewalWindowsConfig('ns');
    const { problem } = await config.apply({ metadata: { name: 'certman-operator' }, data: { renewal_windows: text } });
    expect(problem?.message).toContain(words);
  });
});

test('however many workers ask at once, no more turns than set are within the duration of a restart', async () => {
  const namespace = await managementCluster().namespace();
  const { admin } = managementCluster();
  const limit = { atOnce: 2, durationMs: 60_000 };
  const take = (turns: RestartTurns, now: number) => turns.take(admin, now, (turn) => turn < 200_000);
  const failures: unknown[] = [];
  const workers = [
    new RestartTurns(namespace, limit, (error) => failures.push(error)),
    new RestartTurns(namespace, limit),
  ];
  await expect(take(workers[0] as RestartTurns, 1_000)).rejects.toMatchObject({ code: 'configuration/invalid' });
  expect(failures).toMatchObject([{ code: 'configuration/invalid' }]);
  await admin.apply(CONFIG_MAPS, { metadata: { namespace, name: 'certman-restarts' } });
  const taken = await Promise.all([1, 2, 3].flatMap(() => workers.map((worker) => take(worker, 1_000))));
  expect(taken.sort((one, other) => one - other)).toEqual([1_000, 1_000, 61_000, 61_000, 121_000, 121_000]);
  expect(await take(workers[0] as RestartTurns, 181_500)).toBe(181_500);
  // Refused: it is not taken.
  const refused = () => (workers[1] as RestartTurns).take(admin, 181_500, () => false);
  expect([await refused(), await refused()]).toEqual([181_500, 181_500]);
  expect(await readTurns(admin, namespace)).toMatchObject({ turns: [121_000, 181_500] });
  // What a person has broken counts as no turns, and is mended by the next one.
  await admin.apply(CONFIG_MAPS, { metadata: { namespace, name: 'certman-restarts' }, data: { turns: 'soon' } });
  expect((await readTurns(admin, namespace)).turns).toBeUndefined();
  expect(await take(workers[1] as RestartTurns, 190_000)).toBe(190_000);
  expect(await readTurns(admin, namespace)).toMatchObject({ turns: [190_000] });
});
