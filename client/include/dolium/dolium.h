#pragma once
// Dolium's whole public interface. Start with object_store.h.

#include <dolium/array_builder.h>
#include <dolium/async.h>
#include <dolium/client.h>
#include <dolium/codec.h>
#include <dolium/codec_containers.h>
#include <dolium/copy.h>
#include <dolium/error.h>
#include <dolium/event.h>
#include <dolium/in_process_store.h>
#include <dolium/metadata.h>
#include <dolium/object.h>
#include <dolium/object_builder.h>
#include <dolium/object_id.h>
#include <dolium/object_ref.h>
#include <dolium/object_store.h>
#include <dolium/options.h>
#include <dolium/reconnecting_store.h>
#include <dolium/result.h>
#include <dolium/socket_path.h>
#include <dolium/stats.h>
#include <dolium/store_config.h>
#include <dolium/ticket.h>
#include <dolium/timeout.h>
#include <dolium/type_name.h>
#include <dolium/view.h>
