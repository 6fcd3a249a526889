// dolium._dolium: the part of the Python package that is written in C++.

#include "bindings.h"
#include "builder_type.h"
#include "errors.h"
#include "extent_type.h"
#include "object_id_type.h"
#include "object_type.h"
#include "store_type.h"

PYBIND11_MODULE(_dolium, module) {
  namespace python = dolium::python;
  python::bind_errors(module);
  python::bind_object_id(module);
  python::bind_object(module);
  python::bind_extent(module);
  python::bind_builder(module);
  python::bind_store(module);
  python::bind_opening(module);
  python::bind_store_calls(module);
  python::bind_reports(module);
  python::bind_subscription(module);
  python::bind_async_calls(module);
  python::bind_dlpack(module);
}
