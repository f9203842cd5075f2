/** The account key is replaced while a cluster's order is in progress. */
import { afterAll, expect, test } from 'vitest';
import { readAccount } from '../../support/e2e/account-secret.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createCluster, deleteCluster } from '../../support/e2e/clusters.ts';
import { caLog, expectDecommissioned, expectIdle, waitUntilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { endProcesses, startCertman } from '../../support/process/certman-process.ts';

const lab = useE2eHarness();

afterAll(endProcesses);

/** By default with the rights of certman's ServiceAccount. */
async function rollOver(more: Readonly<Record<string, string>> = {}) {
  const directoryUrl = `${lab().ca.url}/dir`;
  const environment = { ...lab().commandEnvironment(), CERTMAN_ACME_DIRECTORY_URL: directoryUrl, ...more };
  const command = await startCertman(['account', 'rollover', '--yes'], environment);
  return { exit: await command.waitForExit(), output: command.output() };
}

test('an order in progress is resumed, and what was issued before is revoked at the deletion', async () => {
  const earlier = await createCluster(lab(), 'before-rollover');
  const { serialNumber } = await waitUntilCertified(lab(), earlier);
  const { orders } = await caLog(lab());

  const isDone = Promise.withResolvers<void>();
  const answers = lab().ca.inject({
    when: ({ path }) => path.startsWith('/chalZ/'),
    fault: { kind: 'hold', until: isDone.promise },
  });
  const waiting = await createCluster(lab(), 'during-rollover');
  await waitFor('the CA is asked to validate', async () => (answers.hits() > 0 ? {} : 'it is not'));
  const before = await readAccount(lab());
  const refused = await rollOver();
  expect(refused.exit).toBe('code 1');
  expect(refused.output).toContain('certman may only write Secrets of type kubernetes.io/tls');
  expect(await readAccount(lab())).toEqual(before);
  const done = await rollOver({ KUBECONFIG: lab().stack.kubernetes.adminKubeconfig });
  expect(done.exit, done.output).toBe('code 0');
  expect((await readAccount(lab()))['private-key']).not.toBe(before['private-key']);
  answers.remove();
  isDone.resolve();

  await waitUntilCertified(lab(), waiting);
  expect((await caLog(lab())).orders).toBe(orders + 1);
  await deleteCluster(lab(), earlier);
  await expectDecommissioned(lab(), earlier, { revoked: [serialNumber] });
  await expectIdle(lab());
});
