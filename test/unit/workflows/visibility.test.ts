import { describe, expect, test } from 'vitest';
import { failureInfo } from '../../../src/failures/failure.ts';
import { clusterDetails, situationMessage } from '../../../workflows/cluster/visibility.ts';
import { CERTIFICATE, PENDING, READY, recordOf } from '../../support/workflows/bundle-records.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

describe('the details page', () => {
  test('says when there are no bundles', () => {
    expect(clusterDetails('ns/c1', 'Its certificates are managed by certman.', {})).toContain('No certificate bundle');
  });

  test('shows each bundle with its message, and escapes wildcards', () => {
    const page = clusterDetails('ns/c1', 'Its certificates are managed by certman.', {
      primary: recordOf(READY, {
        message: 'All is well.',
        dnsNames: ['api.x', '*.apps.x'],
        secretName: 'primary-cert',
      }),
    });
    for (const part of ['ns/c1', 'All is well.', 'primary-cert', '\\*.apps.x', '`certman explain ns/c1`'])
      expect(page).toContain(part);
    expect(page).toContain(`| ${CERTIFICATE.notAfter.slice(0, 16).replace('T', ' ')}Z |`);
  });

  test('shows what could not be written, and when that is tried again', () => {
    const failure = failureInfo({ code: 'kubernetes/forbidden', message: 'The ServiceAccount may not write it.' });
    const statusWriteError = { failure, attempts: 1, nextAttempt: '2026-01-01T00:00:30.000Z' };
    const objectWriteError = { failure, attempts: 2, nextAttempt: '2026-01-01T00:10:00.000Z' };
    const page = clusterDetails('ns/c1', 'Its certificates are managed by certman.', {
      b: recordOf(PENDING, { message: 'Seen.', statusWriteError }),
      c: recordOf(PENDING, { message: 'Seen.', statusWriteError, objectWriteError }),
    });
    const status = `The status could not be written: ${failure.message} It is written again at 2026-01-01T00:00:30.000Z.`;
    expect(page).toContain(`**b**: Seen. (${status})`);
    expect(page).toContain(
      `**c**: Seen. (The finalizer or the CertificateRequest could not be written, which delays no renewal: ${failure.message} It is written again at 2026-01-01T00:10:00.000Z. ${status})`,
    );
  });

  test('shortens a long list of names', () => {
    const dnsNames = Array.from({ length: 30 }, (_, index) => `n${index}.x`);
    const page = clusterDetails('ns/c1', 'Its certificates are managed by certman.', {
      b: recordOf(PENDING, { dnsNames }),
    });
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
