/** Maps a request to the step of certman's work that it belongs to. */
import type { ExternalRequest, ExternalResponse } from './relays/exchange.ts';

/** Steps in the order of a certificate's lifecycle, with their texts in the progress lines. */
export const REQUEST_KINDS = {
  signalCluster: 'signal-with-start of a cluster',
  holdCluster: 'finalizer onto the ClusterDeployment',
  applyRequest: 'apply CertificateRequest',
  applyStatus: 'apply status',
  newOrder: 'newOrder',
  authorization: 'fetch authorization',
  recordOrder: "heartbeat with the order's URL",
  publish: 'ChangeResourceRecordSets (publish)',
  recordChange: "heartbeat with the change's id",
  getChange: 'GetChange',
  dohLook: 'DoH question',
  challenge: 'answer challenge',
  order: 'poll order',
  createStaging: 'create staging Secret',
  finalize: 'finalize',
  certificate: 'download certificate',
  applySecret: 'apply Secret',
  deleteStaging: 'delete staging Secret',
  withdraw: 'ChangeResourceRecordSets (withdraw)',
  watchHeartbeat: "heartbeat of the management cluster's watch",
  takeWorkflowTask: 'take a workflow task',
  workflowTaskDone: 'complete a workflow task',
  takeActivity: 'take an activity',
  activityDone: 'complete an activity',
  revoke: 'revokeCert',
  deleteSecret: 'delete Secret',
  deleteRequest: 'delete CertificateRequest',
  releaseRequest: 'finalizer off the CertificateRequest',
  removeFinalizer: 'finalizer off the ClusterDeployment',
} as const;

export type RequestKind = keyof typeof REQUEST_KINDS;

/** @returns the step; undefined for requests that belong to none: nonces, directories, reads, watches, Events. */
export function kindOf(request: ExternalRequest): RequestKind | undefined {
  switch (request.system) {
    case 'ca':
      return caKind(request);
    case 'route53':
      return route53Kind(request);
    case 'doh':
      return 'dohLook';
    case 'kubernetes':
      return kubernetesKind(request);
    case 'temporal':
      return temporalKind(request);
  }
}

/** Whether the response to a poll contains a task. */
export function deliversTask(response: ExternalResponse): boolean {
  return response.body.length > GRPC_PREFIX_BYTES;
}

/** Prefix of each gRPC message: a flag and the length. */
const GRPC_PREFIX_BYTES = 5;

/** Pebble's paths (wfe/wfe.go). */
const CA_PATHS: readonly (readonly [prefix: string, kind: RequestKind])[] = [
  ['/order-plz', 'newOrder'],
  ['/authZ/', 'authorization'],
  ['/chalZ/', 'challenge'],
  ['/my-order/', 'order'],
  ['/finalize-order/', 'finalize'],
  ['/certZ/', 'certificate'],
  ['/revoke-cert', 'revoke'],
];

function caKind({ method, path }: ExternalRequest): RequestKind | undefined {
  return method === 'POST' ? CA_PATHS.find(([prefix]) => path.startsWith(prefix))?.[1] : undefined;
}

function route53Kind({ method, path, body }: ExternalRequest): RequestKind | undefined {
  if (method === 'GET') return path.includes('/change/') ? 'getChange' : undefined;
  if (method !== 'POST' || !path.includes('/rrset')) return undefined;
  // A change that publishes for one order and withdraws for another counts as publication.
  return body.toString().includes('<Action>CREATE</Action>') ? 'publish' : 'withdraw';
}

const OBJECT = /\/namespaces\/[^/]+\/(?<plural>[a-z]+)(?:\/(?<name>[^/?]+))?(?:\/(?<subresource>[a-z]+))?(?:\?|$)/;

function kubernetesKind({ method, path, contentType, body }: ExternalRequest): RequestKind | undefined {
  const { plural = '', name = '', subresource } = OBJECT.exec(path)?.groups ?? {};
  const what = `${method} ${plural}${subresource === undefined ? '' : `/${subresource}`}`;
  const takesFinalizerOff =
    contentType.startsWith('application/json-patch+json') && body.includes('/metadata/finalizers');
  switch (what) {
    case 'PATCH certificaterequests':
      return takesFinalizerOff ? 'releaseRequest' : 'applyRequest';
    case 'PATCH certificaterequests/status':
      return 'applyStatus';
    case 'PATCH clusterdeployments':
      return takesFinalizerOff ? 'removeFinalizer' : 'holdCluster';
    case 'POST secrets':
      // The first certificate's Secret is created, later ones are applied.
      return body.includes('-staging"') ? 'createStaging' : 'applySecret';
    case 'PATCH secrets':
      return 'applySecret';
    case 'DELETE secrets':
      return name.endsWith('-staging') ? 'deleteStaging' : 'deleteSecret';
    case 'DELETE certificaterequests':
      return 'deleteRequest';
    default:
      return undefined;
  }
}

function temporalKind({ path, body }: ExternalRequest): RequestKind | undefined {
  switch (path.slice(path.lastIndexOf('/') + 1)) {
    case 'SignalWithStartWorkflowExecution':
      return 'signalCluster';
    case 'PollWorkflowTaskQueue':
      return 'takeWorkflowTask';
    case 'PollActivityTaskQueue':
      return 'takeActivity';
    case 'RespondWorkflowTaskCompleted':
      return 'workflowTaskDone';
    case 'RespondActivityTaskCompleted':
      return 'activityDone';
    case 'RecordActivityTaskHeartbeat':
      return heartbeatKind(body);
    default:
      return undefined;
  }
}

/** Heartbeat details are JSON inside the protocol buffer, as Temporal's default converter encodes them. */
function heartbeatKind(body: Buffer): RequestKind | undefined {
  if (body.includes('"orderUrl"')) return 'recordOrder';
  if (body.includes('"change"')) return 'recordChange';
  return body.includes('"clusterdeployments"') ? 'watchHeartbeat' : undefined;
}
