import { expect, test } from 'vitest';
import { conditionReason } from '../../../src/certificates/status-messages.ts';
import { FAILURE_CODES } from '../../../src/failures/failure.ts';

test('every reason is valid for a Kubernetes condition', () => {
  for (const code of FAILURE_CODES) expect(conditionReason(code)).toMatch(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/);
});
