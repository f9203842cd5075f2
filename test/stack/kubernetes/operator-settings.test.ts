import { describe, expect, test } from 'vitest';
import { readAwsCredentials } from '../../../src/kubernetes/objects/aws-credentials.ts';
import { createOperatorSettings } from '../../../src/kubernetes/objects/operator-settings.ts';
import { CONFIG_MAPS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
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
