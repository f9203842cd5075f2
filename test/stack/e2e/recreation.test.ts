/** A ClusterDeployment that is deleted by force and created again under its name, while its old workflow is late. */
import { expect, test } from 'vitest';
import { CERTIFICATE_REQUESTS } from '../../../src/kubernetes/objects/resources.ts';
import { expectStatusAtCa, waitFor, waitForReadyRequest } from '../../support/e2e/checks.ts';
import { createCluster, deleteCluster, patchCluster } from '../../support/e2e/clusters.ts';
import {
  caLog,
  decommissionResultOf,
  expectDecommissioned,
  getClusterDeployment,
  getRequest,
  getSecret,
  waitUntilCertified,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';

const lab = useE2eHarness({ worker: { CERTMAN_RESYNC_INTERVAL: '5s' } });

test('the late decommission of the old uid leaves Secret, request and certificate to the successor', async () => {
  const old = await createCluster(lab(), 'again');
  const { serialNumber } = await waitUntilCertified(lab(), old);
  await lab().stopWorkers();
  await deleteCluster(lab(), old);
  await patchCluster(lab(), old, { metadata: { finalizers: null } });
  const { namespace, requestName } = old;
  await waitFor('it is gone, and the garbage collector deletes its CertificateRequest', async () => {
    const request = await lab().kubernetes.get(CERTIFICATE_REQUESTS, { namespace, name: requestName });
    const isGone = (await getClusterDeployment(lab(), old)) === undefined;
    return isGone && request?.metadata.deletionTimestamp !== undefined ? {} : 'not yet';
  });

  const revocation = lab().ca.inject({
    when: ({ method, path }) => method === 'POST' && path.includes('revoke'),
    fault: { kind: 'answer', status: 503, headers: { 'retry-after': '1' }, body: {} },
  });
  const { orders } = await caLog(lab());
  const successor = await createCluster(lab(), 'again');
  expect(successor.identity.uid).not.toBe(old.identity.uid);
  await lab().startWorker({ environment: { CERTMAN_RESYNC_INTERVAL: '5s' } });
  // The request that is being deleted is the successor's first, then released and created anew.
  const { request, secret } = await waitFor('the successor has a CertificateRequest with the Secret', async () => {
    const found = { request: await getRequest(lab(), successor), secret: await getSecret(lab(), successor) };
    const uid = found.request?.metadata.uid;
    const owners = [found.request, found.secret].map((object) => object?.metadata.ownerReferences?.[0]?.['uid']);
    const isOwned = owners[0] === successor.identity.uid && owners[1] === uid;
    return isOwned && found.request?.metadata.deletionTimestamp === undefined
      ? found
      : `the owners are ${owners.join()}`;
  });
  await waitForReadyRequest(lab().kubernetes, successor, serialNumber);
  revocation.remove();

  const { bundles, finalizer } = await decommissionResultOf(lab(), old);
  expect(finalizer).toBe('absent');
  expect(bundles).toEqual([
    {
      bundleName: 'primary',
      revocations: [expect.objectContaining({ serialNumber, outcome: 'notOwned' })],
      removed: [],
      certificates: [expect.objectContaining({ serialNumber })],
      failures: [],
    },
  ]);
  await expectStatusAtCa(lab().stack, serialNumber, 'Valid');
  expect((await getRequest(lab(), successor))?.metadata.uid).toBe(request?.metadata.uid);
  expect(await getSecret(lab(), successor)).toEqual(secret);
  expect((await caLog(lab())).orders).toBe(orders);

  await deleteCluster(lab(), successor);
  await expectDecommissioned(lab(), successor, { revoked: [serialNumber] });
});
