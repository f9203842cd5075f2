import { expect, test } from 'vitest';
import { problem, SERVICE_PRINCIPAL } from '../../../support/dns/azure/fake-azure-dns.ts';
import { azureTarget, record, signal, useAzure, ZONE } from '../../../support/dns/azure/harness.ts';

const harness = useAzure();
const publish = (target = azureTarget()) => harness.provider().publish(target, [record('api', 'v')], signal, 0);

test.each([
  [problem(403, 'AuthorizationFailed', 'The client does not have authorization.'), 'dns/accessDenied'],
  [problem(404, 'ResourceGroupNotFound', "Resource group 'dns' could not be found."), 'dns/zoneNotFound'],
  [problem(409, 'Conflict', 'Another operation is in progress.'), 'dns/throttled'],
  [problem(503, 'ServiceUnavailable', 'Later.'), 'dns/unreachable'],
  [problem(418, 'Teapot', 'No.'), 'dns/unexpected'],
] as const)('%j is %s', async (refusal, code) => {
  harness.azure.addZone(ZONE);
  harness.azure.refuse = ({ method }) => (method === 'PUT' ? refusal : undefined);
  const { body } = refusal as { body: { error: { code: string } } };
  await expect(publish()).rejects.toMatchObject({ code, message: expect.stringContaining(body.error.code) });
});

test('429 is throttling, and Retry-After is obeyed', async () => {
  harness.azure.addZone(ZONE);
  harness.azure.refuse = () => ({ ...problem(429, 'TooManyRequests', 'Later.'), headers: { 'retry-after': '120' } });
  const before = Date.now();
  const failure = (await publish().catch((error: unknown) => error)) as { info: { notBefore: string } };
  expect(failure).toMatchObject({ code: 'dns/throttled' });
  expect(Date.parse(failure.info.notBefore) - before).toBeGreaterThanOrEqual(120_000);
  expect(harness.azure.requests).toHaveLength(1);
});

test('a write whose connection was cut leaves open whether the value is there', async () => {
  harness.azure.addZone(ZONE);
  harness.azure.refuse = ({ method }) => (method === 'PUT' ? 'cut' : undefined);
  const failure: unknown = await publish().catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'dns/unreachable', info: { outcomeUnknown: true } });
  expect(JSON.stringify(failure)).not.toMatch(/SECRET|Bearer|token-1/);
});

test('an answer that cannot be read leaves open whether the value is there', async () => {
  harness.azure.addZone(ZONE);
  harness.azure.refuse = ({ method }) =>
    method === 'PUT' ? { status: 200, body: '<html>a portal</html>' } : undefined;
  await expect(publish()).rejects.toMatchObject({ code: 'dns/unexpected', info: { outcomeUnknown: true } });
  harness.azure.refuse = ({ method, name }) =>
    method === 'GET' && name !== undefined ? { status: 200, body: '<html>a portal</html>' } : undefined;
  const withdrawn = harness.provider().withdraw(azureTarget(), [record('api', 'v')], signal);
  await expect(withdrawn).rejects.toMatchObject({ code: 'dns/unexpected' });
});

test('a web page in the place of an answer is no record set', async () => {
  harness.azure.addZone(ZONE);
  harness.azure.refuse = ({ method }) => (method === 'GET' ? { status: 502, body: '<html>a proxy</html>' } : undefined);
  await expect(publish()).rejects.toMatchObject({ code: 'dns/unreachable' });
});

test('a Secret that is missing, or that is not named, says so', async () => {
  await expect(publish(azureTarget({ credentialsSecret: 'other' }))).rejects.toMatchObject({
    code: 'dns/credentialsMissing',
    message: expect.stringContaining('Secret ns/other'),
  });
  await expect(publish(azureTarget({ credentialsSecret: '' }))).rejects.toMatchObject({
    code: 'dns/credentialsMissing',
    info: { remedy: expect.stringContaining('spec.platform.azure.credentialsSecretRef') },
  });
});

test.each([
  ['no JSON', 'SECRET', 'is no JSON object'],
  ['a tenant that is none', { ...SERVICE_PRINCIPAL, tenantId: 'SECRET/../common' }, '(tenantId: it is no UUID)'],
  ['a subscription that is none', { ...SERVICE_PRINCIPAL, subscriptionId: 'SECRET' }, '(subscriptionId: '],
  ['no secret', { ...SERVICE_PRINCIPAL, clientSecret: '' }, '(clientSecret: it is no client secret)'],
])('%s is refused without quoting it', async (_what, servicePrincipal, expected) => {
  harness.putServicePrincipal(servicePrincipal);
  const failure: unknown = await publish().catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'dns/credentialsMalformed', message: expect.stringContaining(expected) });
  expect(JSON.stringify(failure)).not.toContain('SECRET');
  expect(harness.azure.hosts.size).toBe(0);
});

test('a secret that Azure refuses sends no other request, and a new one is used at once', async () => {
  harness.azure.addZone(ZONE);
  harness.putServicePrincipal({ ...SERVICE_PRINCIPAL, clientSecret: 'old-SECRET' });
  const dns = harness.provider();
  const publishAgain = () => dns.publish(azureTarget(), [record('api', 'v')], signal, 0);
  const failure: unknown = await publishAgain().catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: 'dns/accessDenied',
    message: expect.stringMatching(/AADSTS7000215: Invalid client secret provided\.$/),
  });
  expect(JSON.stringify(failure)).not.toContain('old-SECRET');
  expect(harness.azure.requests).toEqual([]);
  harness.putServicePrincipal(SERVICE_PRINCIPAL);
  await publishAgain();
});

test('a token is used for many requests', async () => {
  harness.azure.addZone(ZONE);
  const dns = harness.provider();
  for (const value of ['a', 'b']) await dns.publish(azureTarget(), [record('api', value)], signal, 0);
  expect(harness.azure.tokens).toBe(1);
});

test.each([
  [{ status: 503 }, 'dns/unreachable'],
  [{ status: 429, body: { error: 'temporarily_unavailable', error_description: 'Later.' } }, 'dns/throttled'],
])('a token endpoint that answers %j is %s', async (refusal, code) => {
  harness.azure.refuseToken = () => refusal;
  const failure: unknown = await publish().catch((error: unknown) => error);
  expect(failure).toMatchObject({ code });
  expect(JSON.stringify(failure)).not.toContain('SECRET');
});

test('a subscription of others is denied', async () => {
  harness.putServicePrincipal({ ...SERVICE_PRINCIPAL, subscriptionId: SERVICE_PRINCIPAL.clientId });
  await expect(publish()).rejects.toMatchObject({
    code: 'dns/accessDenied',
    info: { remedy: expect.stringContaining('azure-iam') },
  });
});

test('each request is counted by its operation', async () => {
  harness.azure.addZone(ZONE);
  const counted: string[] = [];
  const dns = harness.provider({ onRequest: (service, action) => void counted.push(`${service} ${action}`) });
  await dns.publish(azureTarget(), [record('api', 'v')], signal, 0);
  expect(counted).toEqual(['azure-dns Zones.List', 'azure-dns Zones.Get', 'azure-dns RecordSets.CreateOrUpdate']);
});

test('a refused request is counted with its failure code', async () => {
  harness.azure.addZone(ZONE);
  harness.azure.refuse = ({ method }) =>
    method === 'PUT' ? problem(403, 'AuthorizationFailed', 'Not allowed.') : undefined;
  const failed: string[] = [];
  const dns = harness.provider({ onFailure: (...failure) => void failed.push(failure.join(' ')) });
  await expect(dns.publish(azureTarget(), [record('api', 'v')], signal, 0)).rejects.toThrow();
  expect(failed).toEqual(['azure-dns RecordSets.CreateOrUpdate dns/accessDenied']);
});
