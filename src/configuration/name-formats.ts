/** What the names and ids in settings look like. */
import { normalizeName } from '../certificates/dns-name.ts';
import { parsePatchId } from '../contract/patches.ts';
import { isWritableName } from '../dns/writable-name.ts';
import { parseNetwork } from '../network/public-address.ts';
import { type Format, listOf, text } from './values.ts';

const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Host of an ACME directory, and its path unless that is a usual one. */
export const directoryHost = text(
  'the host of an ACME directory, in lower case, with the path of the directory unless that is /directory or /dir',
  /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:\d{1,5})?(\/[\w.~/-]{1,200})?$/,
);
/** A DNS label (RFC 1123). */
export const dnsLabel = text('a DNS label: lower-case letters, digits and dashes, at most 63 characters', DNS_LABEL);

/** A namespace of Kubernetes. */
export const namespaceName = text(
  'the name of a namespace: lower-case letters, digits and dashes, at most 63 characters',
  DNS_LABEL,
);

/** Namespaces of Kubernetes. */
export const namespaceNames = listOf('names of namespaces, comma separated', (found) =>
  DNS_LABEL.test(found) ? found : undefined,
);

/** An ACME profile. */
export const profileName = text(
  'a profile name: letters, digits, dashes, dots and underscores, at most 64',
  /^[\w.-]{1,64}$/,
);

/** A hosted zone of Route 53, as its API gives it. */
export const hostedZoneId = text(
  'the id of a hosted zone: capital letters and digits',
  /^(\/hostedzone\/)?[A-Z0-9]{1,32}$/,
);

/** A Secret. */
export const secretName = text(
  'the name of a Secret: lower-case letters, digits, dashes and dots, at most 253 characters',
  /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/,
);

/** A DNS zone that certman can write to. */
export const zoneName: Format<string> = {
  expected: 'the name of a DNS zone, such as acme.example.net',
  parse: (found) => {
    const name = normalizeName(found);
    return name.includes('.') && isWritableName(name) ? name : undefined;
  },
};

/** A Worker Deployment. The Temporal worker controller joins the names of a namespace and an object. */
export const deploymentName = text(
  'a name of at most 127 letters, digits, dashes, slashes and underscores',
  /^[\w/-]{1,127}$/,
);

/** What a worker says of itself. */
export const workerIdentity = text('at most 200 printable characters', /^[\x21-\x7e]{1,200}$/);

/** Patches of workflows (`src/contract/patches.ts`). */
export const patchNames = listOf('names of lower-case words joined by hyphens', parsePatchId);

/** IP networks. */
export const networks = listOf('networks such as 10.20.0.0/16, comma separated', parseNetwork);

/** A build of a Worker Deployment. */
export const buildId = text('a name of at most 63 letters, digits, dashes, dots and underscores', /^[\w.-]{1,63}$/);
