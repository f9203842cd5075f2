import { expect, it } from 'vitest';
import { requestName } from '../../../src/clusters/certificate-request-name.ts';

it('joins the ClusterDeployment and the bundle in lower case', () => {
  expect(requestName('Cluster-1', 'Primary-Cert-Bundle')).toBe('cluster-1-primary-cert-bundle');
});
