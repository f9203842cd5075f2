import { expect, test } from 'vitest';
import { buildEvent } from '../../../src/kubernetes/objects/events.ts';
import { CLUSTER_DEPLOYMENTS } from '../../../src/kubernetes/objects/resources.ts';

const subject = { resource: CLUSTER_DEPLOYMENTS, namespace: 'ns', name: 'c1', uid: 'u1' };
const words = { type: 'Warning', reason: 'Failing', message: 'no zone' } as const;
const NOW = new Date('2026-05-01T10:00:00.5Z');

test('equal Events have the same name at any time', () => {
  const later = buildEvent(subject, words, new Date());
  expect(later.metadata.name).toBe(buildEvent(subject, words, NOW).metadata.name);
});

test.each([
  ['another object', { ...subject, uid: 'u2' }, words],
  ['another message', subject, { ...words, message: 'two zones' }],
  ['another reason', subject, { ...words, reason: 'Paused' }],
])('%s gives another name', (_name, about, said) => {
  expect(buildEvent(about, said, NOW).metadata.name).not.toBe(buildEvent(subject, words, NOW).metadata.name);
});

test('a long message is truncated to the API server’s limit, in whole characters', () => {
  const event = buildEvent(subject, { ...words, message: 'é€'.repeat(500) }, NOW);
  expect(Buffer.byteLength(String(event['message']))).toBeLessThanOrEqual(1024);
});

test('the Event of an object with a long name has a valid name', () => {
  expect(buildEvent({ ...subject, name: 'c'.repeat(253) }, words, NOW).metadata.name.length).toBeLessThanOrEqual(253);
});
