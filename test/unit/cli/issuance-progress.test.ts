import { Client, type ConnectionLike } from '@temporalio/client';
import { encodeErrorToFailure } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { expect, test } from 'vitest';
import { describeCurrentActivity } from '../../../src/cli/issuance-progress.ts';
import { createDataConverter } from '../../../src/payloads/data-converter.ts';
import { PayloadKeyStore } from '../../../src/payloads/payload-key-store.ts';
import { newPayloadKey, payloadKeyFolder } from '../../support/payloads/payload-key-folder.ts';

test.each([true, false])('the last failure of an activity is shown, encrypted: %s', async (encrypted) => {
  const folder = payloadKeyFolder({ active: 'k1', k1: newPayloadKey() });
  const keys = encrypted ? new PayloadKeyStore(folder.path) : undefined;
  const dataConverter = createDataConverter({ keys, required: encrypted });
  const client = new Client({ connection: {} as ConnectionLike, dataConverter });
  const { loadedDataConverter } = client.options;
  const lastFailure = await encodeErrorToFailure(loadedDataConverter, new Error('no TXT record at ns1'));
  expect(lastFailure.message).toBe(encrypted ? 'Encoded failure' : 'no TXT record at ns1');
  const raw = { pendingActivities: [{ activityType: { name: 'verifyPropagation' }, attempt: 3, lastFailure }] };
  Object.assign(client.workflow, { getHandle: () => ({ describe: () => Promise.resolve({ raw }) }) });
  expect(await describeCurrentActivity(client, 'issue/1')).toMatch(/attempt 3; the last one: no TXT record at ns1/);
  folder.remove();
});

test('of an activity of several steps, the one under way is shown', async () => {
  const client = new Client({ connection: {} as ConnectionLike });
  const heartbeatDetails = {
    payloads: [client.options.loadedDataConverter.payloadConverter.toPayload({ step: 'finalizeOrder' })],
  };
  const raw = { pendingActivities: [{ activityType: { name: 'completeOrder' }, attempt: 1, heartbeatDetails }] };
  Object.assign(client.workflow, { getHandle: () => ({ describe: () => Promise.resolve({ raw }) }) });
  expect(await describeCurrentActivity(client, 'issue/1')).toBe('waiting for the CA to issue the certificate');
});
