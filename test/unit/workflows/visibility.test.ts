import { describe, expect, test } from 'vitest';
import { clusterDetails, situationMessage } from '../../../workflows/cluster/visibility.ts';
import { CERTIFICATE, PENDING, READY, recordOf } from '../../support/workflows/bundle-records.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

describe('the details page', () => {
  test('says when there are no bundles', () => {
    expect(clusterDetails('ns/c1', 'Served.', {})).toContain('No certificate bundle');
  });

  test('shows each bundle with its message, and escapes wildcards', () => {
    const page = clusterDetails('ns/c1', 'Served.', {
      primary: recordOf(READY, {
        message: 'All is well.',
        dnsNames: ['api.x', '*.apps.x'],
        secretName: 'primary-cert',
      }),
    });
    for (const part of ['ns/c1', 'All is well.', 'primary-cert', '\\*.apps.x', CERTIFICATE.notAfter])
      expect(page).toContain(part);
  });

  test('shows the status write error', () => {
    const statusWriteError = 'The ServiceAccount may not write the status.';
    const page = clusterDetails('ns/c1', 'Served.', {
      b: recordOf(PENDING, { message: 'Seen.', statusWriteError }),
    });
    expect(page).toContain(`**b**: Seen. (The status could not be written: ${statusWriteError})`);
  });

  test('shortens a long list of names', () => {
    const dnsNames = Array.from({ length: 30 }, (_, index) => `n${index}.x`);
    const page = clusterDetails('ns/c1', 'Served.', { b: recordOf(PENDING, { dnsNames }) });
    expect(page).toContain('and 26 more');
    expect(page).not.toContain('n29.x');
  });

  test.each([
    ['none', 'are revoked'],
    ['outgoing', 'stay valid'],
    ['complete', 'stay valid'],
  ] as const)('says what happens to the certificates of a cluster that is gone; relocation %s', (relocation, what) => {
    expect(situationMessage(clusterView({ relocation }), true, undefined)).toContain(what);
  });
});
