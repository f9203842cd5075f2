/** All CertificateRequests of the hub, or of one namespace, as the API server lists them now. */
import { type KubernetesApi } from '../api/kubernetes-api.ts';
import { type ObservedRequest, observeRequest } from './observed-request.ts';
import { CERTIFICATE_REQUESTS } from './resources.ts';

/** @throws CertmanError `kubernetes/…`. */
export async function listCertificateRequests(
  kubernetes: KubernetesApi,
  options: { readonly namespace?: string; readonly signal: AbortSignal },
): Promise<readonly ObservedRequest[]> {
  const requests: ObservedRequest[] = [];
  for await (const object of kubernetes.list(CERTIFICATE_REQUESTS, options)) requests.push(observeRequest(object));
  return requests;
}
