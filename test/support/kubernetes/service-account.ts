export {
  CERTMAN_SERVICE_ACCOUNT,
  type ServiceAccountRef,
  serviceAccountKubeConfig,
} from '../../../local/stack/management-cluster/service-account.ts';
