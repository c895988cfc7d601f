/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The messages, as protoc-c makes them from proto/ while building, under names that fit a line.
 *
 *	prefix   package                           initialiser             descriptor
 *	re_      build.bazel.remote.execution.v2   RE_INIT(DIGEST)         RE_TYPE(digest)
 *	semver_  build.bazel.semver                SEMVER_INIT(SEM_VER)    SEMVER_TYPE(sem_ver)
 *	pb_      google.protobuf                   PB_INIT(ANY)            PB_TYPE(any)
 *	gr_      google.rpc                        GR_INIT(STATUS)         GR_TYPE(status)
 *	lro_     google.longrunning                LRO_INIT(OPERATION)     LRO_TYPE(operation)
 *	bs_      google.bytestream                 BS_INIT(READ_REQUEST)   BS_TYPE(read_request)
 *	health_  grpc.health.v1                    HEALTH_INIT(HEALTH_CHECK_REQUEST), HEALTH_TYPE(…)
 *	dv_      distcc.v1                         DV_INIT(LOOKUPS)        DV_TYPE(lookups)
 *
 * "re_digest d = RE_INIT(DIGEST);" is a message of its own; "RE_TYPE(digest)" is what reapi_unpack
 * wants. Values of enums: RE_ENUM(COMPRESSOR__VALUE__ZSTD), GR_ENUM(CODE__NOT_FOUND),
 * LRO_ENUM(OPERATION__RESULT_RESPONSE),
 * HEALTH_ENUM(HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING). Descriptors of services, with their
 * methods: RE_SERVICE(execution), BS_SERVICE(byte_stream) and so on.
 *
 * Strings of a message that was unpacked are never NULL; pointers to messages are, where the field
 * was left out.
 */

#include "bytestream.pb-c.h"
#include "health.pb-c.h"
#include "lookups.pb-c.h"
#include "operations.pb-c.h"
#include "remote_execution.pb-c.h"
#include "semver.pb-c.h"
#include "status.pb-c.h"

#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/empty.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "google/protobuf/wrappers.pb-c.h"

#define RE_NAME(name) Build__Bazel__Remote__Execution__V2__##name
#define RE_INIT(NAME) BUILD__BAZEL__REMOTE__EXECUTION__V2__##NAME##__INIT
#define RE_TYPE(name) (&build__bazel__remote__execution__v2__##name##__descriptor)
#define RE_ENUM(NAME) BUILD__BAZEL__REMOTE__EXECUTION__V2__##NAME
#define RE_SERVICE(name) (&build__bazel__remote__execution__v2__##name##__descriptor)

#define re_digest RE_NAME(Digest)
#define re_digest_function RE_NAME(DigestFunction)
#define re_compressor RE_NAME(Compressor)
#define re_chunking_function RE_NAME(ChunkingFunction)
#define re_directory RE_NAME(Directory)
#define re_file_node RE_NAME(FileNode)
#define re_directory_node RE_NAME(DirectoryNode)
#define re_symlink_node RE_NAME(SymlinkNode)
#define re_node_properties RE_NAME(NodeProperties)
#define re_node_property RE_NAME(NodeProperty)
#define re_tree RE_NAME(Tree)
#define re_action RE_NAME(Action)
#define re_command RE_NAME(Command)
#define re_command_environment_variable RE_NAME(Command__EnvironmentVariable)
#define re_platform RE_NAME(Platform)
#define re_platform_property RE_NAME(Platform__Property)
#define re_action_result RE_NAME(ActionResult)
#define re_output_file RE_NAME(OutputFile)
#define re_output_directory RE_NAME(OutputDirectory)
#define re_output_symlink RE_NAME(OutputSymlink)
#define re_executed_action_metadata RE_NAME(ExecutedActionMetadata)
#define re_execution_policy RE_NAME(ExecutionPolicy)
#define re_results_cache_policy RE_NAME(ResultsCachePolicy)
#define re_execute_request RE_NAME(ExecuteRequest)
#define re_wait_execution_request RE_NAME(WaitExecutionRequest)
#define re_log_file RE_NAME(LogFile)
#define re_execute_response RE_NAME(ExecuteResponse)
#define re_execute_response_server_logs_entry RE_NAME(ExecuteResponse__ServerLogsEntry)
#define re_execution_stage RE_NAME(ExecutionStage)
#define re_execute_operation_metadata RE_NAME(ExecuteOperationMetadata)
#define re_get_action_result_request RE_NAME(GetActionResultRequest)
#define re_update_action_result_request RE_NAME(UpdateActionResultRequest)
#define re_find_missing_blobs_request RE_NAME(FindMissingBlobsRequest)
#define re_find_missing_blobs_response RE_NAME(FindMissingBlobsResponse)
#define re_batch_update_blobs_request RE_NAME(BatchUpdateBlobsRequest)
#define re_batch_update_blobs_request_request RE_NAME(BatchUpdateBlobsRequest__Request)
#define re_batch_update_blobs_response RE_NAME(BatchUpdateBlobsResponse)
#define re_batch_update_blobs_response_response RE_NAME(BatchUpdateBlobsResponse__Response)
#define re_batch_read_blobs_request RE_NAME(BatchReadBlobsRequest)
#define re_batch_read_blobs_response RE_NAME(BatchReadBlobsResponse)
#define re_batch_read_blobs_response_response RE_NAME(BatchReadBlobsResponse__Response)
#define re_get_tree_request RE_NAME(GetTreeRequest)
#define re_get_tree_response RE_NAME(GetTreeResponse)
#define re_split_blob_request RE_NAME(SplitBlobRequest)
#define re_split_blob_response RE_NAME(SplitBlobResponse)
#define re_splice_blob_request RE_NAME(SpliceBlobRequest)
#define re_splice_blob_response RE_NAME(SpliceBlobResponse)
#define re_get_capabilities_request RE_NAME(GetCapabilitiesRequest)
#define re_server_capabilities RE_NAME(ServerCapabilities)
#define re_action_cache_update_capabilities RE_NAME(ActionCacheUpdateCapabilities)
#define re_priority_capabilities RE_NAME(PriorityCapabilities)
#define re_priority_capabilities_priority_range RE_NAME(PriorityCapabilities__PriorityRange)
#define re_symlink_absolute_path_strategy RE_NAME(SymlinkAbsolutePathStrategy)
#define re_cache_capabilities RE_NAME(CacheCapabilities)
#define re_execution_capabilities RE_NAME(ExecutionCapabilities)
#define re_tool_details RE_NAME(ToolDetails)
#define re_request_metadata RE_NAME(RequestMetadata)

#define SEMVER_NAME(name) Build__Bazel__Semver__##name
#define SEMVER_INIT(NAME) BUILD__BAZEL__SEMVER__##NAME##__INIT
#define SEMVER_TYPE(name) (&build__bazel__semver__##name##__descriptor)

#define semver_sem_ver SEMVER_NAME(SemVer)

#define PB_NAME(name) Google__Protobuf__##name
#define PB_INIT(NAME) GOOGLE__PROTOBUF__##NAME##__INIT
#define PB_TYPE(name) (&google__protobuf__##name##__descriptor)

#define pb_any PB_NAME(Any)
#define pb_duration PB_NAME(Duration)
#define pb_empty PB_NAME(Empty)
#define pb_timestamp PB_NAME(Timestamp)
#define pb_uint32_value PB_NAME(UInt32Value)

#define GR_NAME(name) Google__Rpc__##name
#define GR_INIT(NAME) GOOGLE__RPC__##NAME##__INIT
#define GR_TYPE(name) (&google__rpc__##name##__descriptor)
#define GR_ENUM(NAME) GOOGLE__RPC__##NAME

#define gr_status GR_NAME(Status)
#define gr_retry_info GR_NAME(RetryInfo)
#define gr_precondition_failure GR_NAME(PreconditionFailure)
#define gr_precondition_failure_violation GR_NAME(PreconditionFailure__Violation)
#define gr_bad_request GR_NAME(BadRequest)
#define gr_bad_request_field_violation GR_NAME(BadRequest__FieldViolation)

#define LRO_NAME(name) Google__Longrunning__##name
#define LRO_INIT(NAME) GOOGLE__LONGRUNNING__##NAME##__INIT
#define LRO_TYPE(name) (&google__longrunning__##name##__descriptor)
#define LRO_ENUM(NAME) GOOGLE__LONGRUNNING__##NAME
#define LRO_SERVICE(name) (&google__longrunning__##name##__descriptor)

#define lro_operation LRO_NAME(Operation)
#define lro_get_operation_request LRO_NAME(GetOperationRequest)
#define lro_list_operations_request LRO_NAME(ListOperationsRequest)
#define lro_list_operations_response LRO_NAME(ListOperationsResponse)
#define lro_cancel_operation_request LRO_NAME(CancelOperationRequest)
#define lro_delete_operation_request LRO_NAME(DeleteOperationRequest)
#define lro_wait_operation_request LRO_NAME(WaitOperationRequest)

#define BS_NAME(name) Google__Bytestream__##name
#define BS_INIT(NAME) GOOGLE__BYTESTREAM__##NAME##__INIT
#define BS_TYPE(name) (&google__bytestream__##name##__descriptor)
#define BS_ENUM(NAME) GOOGLE__BYTESTREAM__##NAME
#define BS_SERVICE(name) (&google__bytestream__##name##__descriptor)

#define bs_read_request BS_NAME(ReadRequest)
#define bs_read_response BS_NAME(ReadResponse)
#define bs_write_request BS_NAME(WriteRequest)
#define bs_write_response BS_NAME(WriteResponse)
#define bs_query_write_status_request BS_NAME(QueryWriteStatusRequest)
#define bs_query_write_status_response BS_NAME(QueryWriteStatusResponse)

#define HEALTH_NAME(name) Grpc__Health__V1__##name
#define HEALTH_INIT(NAME) GRPC__HEALTH__V1__##NAME##__INIT
#define HEALTH_TYPE(name) (&grpc__health__v1__##name##__descriptor)
#define HEALTH_ENUM(NAME) GRPC__HEALTH__V1__##NAME
#define HEALTH_SERVICE(name) (&grpc__health__v1__##name##__descriptor)

#define health_health_check_request HEALTH_NAME(HealthCheckRequest)
#define health_health_check_response HEALTH_NAME(HealthCheckResponse)

#define DV_NAME(name) Distcc__V1__##name
#define DV_INIT(NAME) DISTCC__V1__##NAME##__INIT
#define DV_TYPE(name) (&distcc__v1__##name##__descriptor)

#define dv_lookups DV_NAME(Lookups)
