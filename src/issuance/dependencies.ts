import type { AcmeClientSource } from '../acme/client-source.ts';
import type { KeyType } from '../acme/private-key.ts';
import type { KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';

export interface IssuanceDeps {
  readonly ca: AcmeClientSource;
  readonly kubernetes: KubernetesApi;
  readonly settings: {
    readonly keyType: KeyType;
    /** ACME profile of every order; absent: the CA's default. */
    readonly profile?: string | undefined;
  };
}
