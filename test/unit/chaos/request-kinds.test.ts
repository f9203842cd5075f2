import { describe, expect, test } from 'vitest';
import type { ExternalRequest, ExternalSystem } from '../../chaos/relays/exchange.ts';
import { deliversTask, kindOf } from '../../chaos/request-kinds.ts';

function request(system: ExternalSystem, text: string, body = '', contentType = ''): ExternalRequest {
  const [method = '', path = ''] = text.split(' ');
  return { system, method, path, contentType, body: Buffer.from(body), worker: undefined };
}

const CRS = '/apis/certman.managed.openshift.io/v1alpha1/namespaces/one/certificaterequests';
const CDS = '/apis/hive.openshift.io/v1/namespaces/one/clusterdeployments';
const SECRETS = '/api/v1/namespaces/one/secrets';
const APPLY = 'application/apply-patch+yaml';
const JSON_PATCH = 'application/json-patch+json';
const OFF = '[{"op":"remove","path":"/metadata/finalizers/0"}]';
const TEMPORAL = 'POST /temporal.api.workflowservice.v1.WorkflowService';

describe('each request of a certificate has a step', () => {
  test.each([
    [request('ca', 'POST /order-plz'), 'newOrder'],
    [request('ca', 'POST /my-order/abc'), 'order'],
    [request('ca', 'POST /finalize-order/abc'), 'finalize'],
    [request('ca', 'POST /certZ/1f'), 'certificate'],
    [request('ca', 'HEAD /nonce-plz'), undefined],
    [request('ca', 'GET /draft-ietf-acme-ari-03/renewalInfo/x.y'), undefined],
    [request('route53', 'POST /2013-04-01/hostedzone/Z1/rrset/', '<Action>CREATE</Action>'), 'publish'],
    [request('route53', 'POST /2013-04-01/hostedzone/Z1/rrset', '<Action>DELETE</Action>'), 'withdraw'],
    [
      request('route53', 'POST /2013-04-01/hostedzone/Z1/rrset/', '<Action>DELETE</Action><Action>CREATE</Action>'),
      'publish',
    ],
    [request('route53', 'GET /2013-04-01/change/C1'), 'getChange'],
    [request('route53', 'GET /2013-04-01/hostedzone/Z1/rrset'), undefined],
    [request('doh', 'POST /dns-query'), 'dohLook'],
    [request('kubernetes', `PATCH ${CRS}/one-primary?fieldManager=certman&force=true`, '{}', APPLY), 'applyRequest'],
    [request('kubernetes', `PATCH ${CRS}/one-primary/status?fieldManager=certman`, '{}', APPLY), 'applyStatus'],
    [request('kubernetes', `PATCH ${CRS}/one-primary?fieldManager=certman`, OFF, JSON_PATCH), 'releaseRequest'],
    [request('kubernetes', `PATCH ${CDS}/one?fieldManager=certman&force=true`, '{}', APPLY), 'holdCluster'],
    [request('kubernetes', `PATCH ${CDS}/one?fieldManager=certman`, OFF, JSON_PATCH), 'removeFinalizer'],
    [request('kubernetes', `POST ${SECRETS}?fieldManager=certman`, '{"name":"one-primary-staging"}'), 'createStaging'],
    [request('kubernetes', `POST ${SECRETS}?fieldManager=certman`, '{"name":"one-primary-cert"}'), 'applySecret'],
    [request('kubernetes', `PATCH ${SECRETS}/one-primary-cert?fieldManager=certman`, '', APPLY), 'applySecret'],
    [request('kubernetes', `DELETE ${SECRETS}/one-primary-staging`), 'deleteStaging'],
    [request('kubernetes', `DELETE ${SECRETS}/one-primary-cert`), 'deleteSecret'],
    [request('kubernetes', `DELETE ${CRS}/one-primary`), 'deleteRequest'],
    [request('kubernetes', `GET ${SECRETS}/one-primary-cert`), undefined],
    [request('kubernetes', 'GET /api/v1/secrets?watch=true'), undefined],
    [request('kubernetes', 'POST /api/v1/namespaces/one/events'), undefined],
    [request('temporal', `${TEMPORAL}/RespondWorkflowTaskCompleted`), 'workflowTaskDone'],
    [request('temporal', `${TEMPORAL}/RespondActivityTaskCompleted`), 'activityDone'],
    [request('temporal', `${TEMPORAL}/RecordActivityTaskHeartbeat`, '{"orderUrl":"https://…"}'), 'recordOrder'],
    [request('temporal', `${TEMPORAL}/RecordActivityTaskHeartbeat`, ''), undefined],
    [request('temporal', `${TEMPORAL}/PollActivityTaskQueue`), 'takeActivity'],
  ])('%o is %s', (one, kind) => {
    expect(kindOf(one)).toBe(kind);
  });
});

test('an empty poll response delivers no task', () => {
  const answer = { status: 200, headers: {} };
  expect(deliversTask({ ...answer, body: Buffer.from([0, 0, 0, 0, 0]) })).toBe(false);
  expect(deliversTask({ ...answer, body: Buffer.from([0, 0, 0, 0, 1, 8]) })).toBe(true);
});
